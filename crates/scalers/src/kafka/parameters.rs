//! The parameters of a connection, as manifests name them.

use crate::declare::{choices, parameters};
use crate::input::Problem;
use crate::kafka::settings::ConnectionSettings;
use crate::secret::Secret;

choices! {
    #[doc = "Whether to encrypt."]
    pub(crate) enum Tls {
        Enable = "enable",
        Disable = "disable",
    }
}

choices! {
    #[doc = "How to prove who one is."]
    pub(crate) enum SaslType {
        None = "none",
        Plaintext = "plaintext",
        ScramSha256 = "scram_sha256",
        ScramSha512 = "scram_sha512",
        Oauthbearer = "oauthbearer",
        Gssapi = "gssapi",
        AwsMskIam = "aws_msk_iam",
    }
}

choices! {
    #[doc = "Who makes the bearer token."]
    pub(crate) enum TokenProvider {
        Bearer = "bearer",
        AwsMskIam = "aws_msk_iam",
    }
}

parameters! {
    /// Where the cluster is, and as whom to ask it.
    pub(crate) struct ConnectionParameters {
        /// The brokers to ask first, as `host:port,host:port`.
        bootstrap_servers: String = "bootstrapServers" from [Metadata, Env];
        /// `enable` to encrypt connections.
        tls: Tls = "tls" from [Metadata, Auth] { default("disable") };
        /// `true` to accept any certificate of a broker. Only for trying out: whoever sits in between can read along.
        unsafe_ssl: bool = "unsafeSsl" from [Metadata] { default("false") };
        /// Certificates (PEM) of authorities to trust besides the system's.
        ca: Option<String> = "ca" from [Auth];
        /// The client's certificate (PEM), for brokers that ask for one.
        cert: Option<String> = "cert" from [Auth];
        /// The client's key (PEM): PKCS#1, SEC1, PKCS#8 or encrypted PKCS#8.
        key: Option<Secret> = "key" from [Auth];
        /// What decrypts `key`.
        key_password: Option<Secret> = "keyPassword" from [Auth];
        /// How to prove who one is. `gssapi` and `aws_msk_iam` are not available.
        sasl: SaslType = "sasl" from [Metadata, Auth] { default("none") };
        /// The user's name; with `oauthbearer` the client's id.
        username: Option<String> = "username" from [Auth];
        /// The password; with `oauthbearer` the client's secret.
        password: Option<Secret> = "password" from [Auth];
        /// Who makes the token of `oauthbearer`. `aws_msk_iam` is not available.
        sasl_token_provider: TokenProvider = "saslTokenProvider" from [Metadata, Auth] { default("bearer") };
        /// Where `oauthbearer` asks for a token, by the client credentials grant.
        oauth_token_endpoint_uri: Option<String> = "oauthTokenEndpointUri" from [Auth];
        /// Scopes to ask for, apart by commas.
        scopes: Option<String> = "scopes" from [Auth];
        /// SASL extensions of `oauthbearer`, as `logicalCluster=lkc-1,identityPoolId=pool-2`.
        oauth_extensions: Option<Secret> = "oauthExtensions" from [Auth];
        /// A token of `oauthbearer` that was made elsewhere, in place of `oauthTokenEndpointUri`. Tidegate's own.
        token: Option<Secret> = "token" from [Auth];
        /// Belongs to `gssapi`, which is not available.
        keytab: Option<Secret> = "keytab" from [Auth];
        /// Belongs to `gssapi`, which is not available.
        realm: Option<String> = "realm" from [Auth];
        /// Belongs to `gssapi`, which is not available.
        kerberos_config: Option<String> = "kerberosConfig" from [Auth];
        /// Belongs to `gssapi`, which is not available.
        kerberos_service_name: Option<String> = "kerberosServiceName" from [Auth];
        /// Belongs to `gssapi`, which is not available.
        kerberos_disable_fast: bool = "kerberosDisableFAST" from [Auth] { default("false") };
        /// Belongs to `gssapi`, which is not available.
        ccache_name: Option<String> = "ccacheName" from [Auth];
        /// Belongs to `aws_msk_iam`, which is not available.
        aws_region: Option<String> = "awsRegion" from [Metadata];
    }
}

impl ConnectionParameters {
    /// Whom to connect to, and as whom.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub(crate) fn settings(&self) -> Result<ConnectionSettings, Vec<Problem>> {
        ConnectionSettings::from_parameters(&|name| self.find(name))
    }

    /// Parameters that were given and belong to a way of proving who one is that is not available.
    pub(crate) fn unused(&self) -> Vec<&'static str> {
        let given = [
            ("keytab", self.keytab.is_some()),
            ("realm", self.realm.is_some()),
            ("kerberosConfig", self.kerberos_config.is_some()),
            ("kerberosServiceName", self.kerberos_service_name.is_some()),
            ("kerberosDisableFAST", self.kerberos_disable_fast),
            ("ccacheName", self.ccache_name.is_some()),
            ("awsRegion", self.aws_region.is_some()),
        ];
        given.into_iter().filter(|(_, given)| *given).map(|(name, _)| name).collect()
    }

    fn find(&self, name: &str) -> Option<Secret> {
        let text = |text: &str| Some(Secret::new(text));
        let optional = |text: &Option<String>| text.as_deref().map(Secret::new);
        match name {
            "bootstrapServers" => text(&self.bootstrap_servers),
            "tls" => text(if self.tls == Tls::Enable { "enable" } else { "disable" }),
            "unsafeSsl" => text(if self.unsafe_ssl { "true" } else { "false" }),
            "ca" => optional(&self.ca),
            "cert" => optional(&self.cert),
            "key" => self.key.clone(),
            "keyPassword" => self.key_password.clone(),
            "sasl" => text(self.sasl()),
            "username" => optional(&self.username),
            "password" => self.password.clone(),
            "saslTokenProvider" => {
                text(if self.sasl_token_provider == TokenProvider::AwsMskIam { "aws_msk_iam" } else { "bearer" })
            }
            "oauthTokenEndpointUri" => optional(&self.oauth_token_endpoint_uri),
            "scopes" => optional(&self.scopes),
            "oauthExtensions" => self.oauth_extensions.clone(),
            "token" => self.token.clone(),
            _ => None,
        }
    }

    fn sasl(&self) -> &'static str {
        match self.sasl {
            SaslType::None => "none",
            SaslType::Plaintext => "plaintext",
            SaslType::ScramSha256 => "scram_sha256",
            SaslType::ScramSha512 => "scram_sha512",
            SaslType::Oauthbearer => "oauthbearer",
            SaslType::Gssapi => "gssapi",
            SaslType::AwsMskIam => "aws_msk_iam",
        }
    }
}
