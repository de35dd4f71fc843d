//! `oauth2` of an authentication object, as the parameters that HTTP triggers know.

use tidegate_crds::{ConfigKind, Configs, OAuth2, Problem, SecretText, Source};

/// The parameters.
///
/// # Errors
/// A Secret or key that is missing or may not be read.
pub(super) fn parameters(
    oauth: &OAuth2,
    namespace: &str,
    configs: &Configs,
    source: &Source,
) -> Result<Vec<(String, SecretText)>, Box<Problem>> {
    let mut found = vec![
        ("oauthTokenURI".to_owned(), SecretText::new(oauth.token_url.as_str())),
        ("clientID".to_owned(), SecretText::new(oauth.client_id.as_str())),
    ];
    if let Some(reference) = &oauth.client_secret {
        let secret = &reference.value_from.secret_key_ref;
        let field = "spec.oauth2.clientSecret.valueFrom.secretKeyRef";
        let data = configs
            .find(ConfigKind::Secret, namespace, &secret.name)
            .map_err(|why| Box::new(source.error(&format!("{field}.name"), why)))?;
        let value = data.get(&secret.key).ok_or_else(|| {
            let message = format!("the Secret {namespace}/{} has no key {:?}", secret.name, secret.key);
            Box::new(source.error(&format!("{field}.key"), message))
        })?;
        found.push(("clientSecret".to_owned(), value.clone()));
    }
    if !oauth.scopes.is_empty() {
        found.push(("scopes".to_owned(), SecretText::new(oauth.scopes.join(","))));
    }
    if !oauth.token_url_params.is_empty() {
        found.push(("endpointParams".to_owned(), SecretText::new(encoded(oauth))));
    }
    Ok(found)
}

fn encoded(oauth: &OAuth2) -> String {
    // Only the query is of interest; any address will do.
    let Ok(mut url) = reqwest::Url::parse("http://localhost/") else { return String::new() };
    url.query_pairs_mut().extend_pairs(&oauth.token_url_params);
    url.query().unwrap_or_default().to_owned()
}
