//! `$(NAME)` in values, commands and arguments.

use super::Environment;

/// Replaces each `$(NAME)` by the variable's value; `$$` gives `$`; unknown names and unfinished `$(` stay as written.
#[must_use]
pub fn expand(text: &str, environment: &Environment) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('$') {
        let (before, from) = rest.split_at(start);
        out.push_str(before);
        let after = from.get(1..).unwrap_or_default();
        if let Some(after) = after.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some((name, after)) = after.strip_prefix('(').and_then(|inner| inner.split_once(')')) {
            match environment.get(name) {
                Some(value) => out.push_str(value.expose()),
                None => {
                    out.push_str("$(");
                    out.push_str(name);
                    out.push(')');
                }
            }
            rest = after;
        } else {
            out.push('$');
            rest = after;
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SecretText;

    #[test]
    fn references_are_replaced_once_and_dollars_unescaped() {
        let environment: Environment =
            [("A", "one"), ("B", "$(A)")].into_iter().map(|(k, v)| (k.to_owned(), SecretText::new(v))).collect();
        for (text, expected) in [
            ("$(A)", "one"),
            ("x$(A)y$(A)", "xoneyone"),
            ("$(B)", "$(A)"),
            ("$(UNKNOWN)", "$(UNKNOWN)"),
            ("$$(A)", "$(A)"),
            ("$$$(A)", "$one"),
            ("$(A", "$(A"),
            ("$A", "$A"),
            ("cost: 5$", "cost: 5$"),
            ("$$", "$"),
            ("", ""),
        ] {
            assert_eq!(expand(text, &environment), expected, "{text}");
        }
    }
}
