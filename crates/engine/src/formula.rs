//! `scalingModifiers.formula`: compiled once, run at each decision.
//!
//! The language is expr (<https://expr-lang.org>), as KEDA has it: trigger names are floats, or `nil` for a trigger that
//! failed where the fallback behaviour asks for it. Whatever a formula does wrong is an error and never a number.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Longer formulas are refused: nobody can read them, and parsing nests.
const LONGEST: usize = 4096;

/// Words of the language that are no variables.
const KEYWORDS: [&str; 15] = [
    "true",
    "false",
    "nil",
    "in",
    "not",
    "and",
    "or",
    "matches",
    "contains",
    "startsWith",
    "endsWith",
    "let",
    "if",
    "else",
    "_",
];

/// A compiled formula over trigger names.
#[derive(Clone)]
pub struct Formula {
    text: Arc<str>,
    program: Arc<expr::Program>,
}

impl std::fmt::Debug for Formula {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_tuple("Formula").field(&self.text).finish()
    }
}

/// Why a formula cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FormulaError(pub String);

impl Formula {
    /// Compiles `text` and runs it once with every one of `names` at -1, as KEDA's admission does.
    ///
    /// # Errors
    /// If it does not compile, names an unknown trigger, or gives no number.
    pub fn compile(text: &str, names: &[&str]) -> Result<Self, FormulaError> {
        if text.trim().is_empty() {
            return Err(FormulaError("the formula is empty".into()));
        }
        if text.len() > LONGEST {
            return Err(FormulaError(format!(
                "the formula has {} characters, at most {LONGEST} are taken",
                text.len()
            )));
        }
        let program = guarded(|| expr::compile(text))
            .map_err(|error| FormulaError(format!("formula {text:?} does not compile: {error}")))?;
        if let Some(unknown) = variables(text).into_iter().find(|variable| !names.contains(variable)) {
            let known = if names.is_empty() { "no trigger has a name".into() } else { names.join(", ") };
            return Err(FormulaError(format!(
                "formula {text:?} uses {unknown:?}, which is no trigger's name; named triggers: {known}"
            )));
        }
        let formula = Formula { text: text.into(), program: Arc::new(program) };
        let trial = formula.value(names.iter().map(|name| (*name, Some(-1.0))));
        match trial {
            Ok(Some(_)) => Ok(formula),
            Ok(None) => Err(FormulaError(format!("formula {text:?} gives nil with every trigger at -1, not a number"))),
            Err(error) => Err(FormulaError(format!("formula {text:?} with every trigger at -1: {error}"))),
        }
    }

    /// The text it was compiled from.
    #[must_use]
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// Runs it. A trigger that is `None` is `nil` to it; `Ok(None)` is a `nil` result.
    ///
    /// # Errors
    /// If it cannot be run or gives neither a finite number nor nil.
    pub fn run<'a>(
        &self,
        values: impl IntoIterator<Item = (&'a str, Option<f64>)>,
    ) -> Result<Option<f64>, FormulaError> {
        match self.value(values)? {
            Some(value) if !value.is_finite() => {
                Err(FormulaError(format!("it gives {value}, which is no finite number")))
            }
            other => Ok(other),
        }
    }

    fn value<'a>(&self, values: impl IntoIterator<Item = (&'a str, Option<f64>)>) -> Result<Option<f64>, FormulaError> {
        let mut context = expr::Context::default();
        for (name, value) in values {
            context.insert(name, value.map_or(expr::Value::Nil, expr::Value::Float));
        }
        match guarded(|| expr::run(&self.program, &context)).map_err(FormulaError)? {
            expr::Value::Float(value) => Ok(Some(value)),
            expr::Value::Integer(value) => Ok(Some(value as f64)),
            expr::Value::Nil => Ok(None),
            other => Err(FormulaError(format!("it gives {other}, which is no number"))),
        }
    }
}

/// The interpreter is somebody else's; a fault in it must stay an error of this one formula.
fn guarded<T>(work: impl FnOnce() -> expr::Result<T>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => done.map_err(|error| error.to_string()),
        Err(_) => Err("the interpreter gave up on it".into()),
    }
}

/// The names a formula reads: words outside of strings that are neither called, nor members, nor declared by `let`.
fn variables(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut declared = Vec::new();
    let mut previous = "";
    for (word, next) in words(text) {
        if previous == "let" {
            declared.push(word);
        } else if next != Some('(') && !KEYWORDS.contains(&word) && !declared.contains(&word) && !found.contains(&word)
        {
            found.push(word);
        }
        previous = word;
    }
    found
}

/// Words with the first character after them that is no space.
fn words(text: &str) -> Vec<(&str, Option<char>)> {
    let mut found = Vec::new();
    let mut quote = None;
    let mut before = ' ';
    let mut position = 0;
    while let Some(character) = text[position..].chars().next() {
        let width = character.len_utf8();
        if let Some(open) = quote {
            if character == '\\' {
                position += text[position + width..].chars().next().map_or(0, char::len_utf8);
            } else if character == open {
                quote = None;
            }
        } else if matches!(character, '"' | '\'' | '`') {
            quote = Some(character);
        } else if character.is_alphabetic() || character == '_' {
            let rest = &text[position..];
            let length = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
            // After a digit it is part of a number (1e3), after a dot, # or $ a member.
            if !(before.is_ascii_digit() || matches!(before, '.' | '#' | '$')) {
                found.push((&rest[..length], rest[length..].chars().find(|c| !c.is_whitespace())));
            }
            before = 'a';
            position += length;
            continue;
        }
        before = character;
        position += width;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, values: &[(&str, Option<f64>)], expected: Option<f64>) {
        let names: Vec<&str> = values.iter().map(|(name, _)| *name).collect();
        let formula = Formula::compile(text, &names).unwrap();
        assert_eq!(formula.run(values.iter().copied()), Ok(expected), "{text}");
    }

    #[test]
    fn every_documented_construct_evaluates() {
        let two = |a: f64, b: f64| [("a", Some(a)), ("b", Some(b))];
        check("a + b", &two(2.0, 5.0), Some(7.0));
        check("(a + b) / 2", &two(2.0, 5.0), Some(3.5));
        check("a * 2 - int(b) % 3", &two(2.0, 5.0), Some(2.0));
        check("a ** 2 + b ^ 2", &two(2.0, 5.0), Some(29.0));
        check("a > 1 ? 5 : 0", &two(2.0, 5.0), Some(5.0));
        check("count([a, b], {# > 1}) > 1 ? 5 : 0", &two(2.0, 5.0), Some(5.0));
        check("count([a,b],{#>1}) > 1 ? 5 : 0", &two(2.0, 0.0), Some(0.0));
        check("max([a, b])", &two(2.0, 5.0), Some(5.0));
        check("max(a, b)", &two(2.0, 5.0), Some(5.0));
        check("min(a, b)", &two(2.0, 5.0), Some(2.0));
        check("sum([a, b])", &two(2.0, 5.0), Some(7.0));
        check("mean([a, b])", &two(2.0, 5.0), Some(3.5));
        check("median([a, b])", &two(2.0, 5.0), Some(3.5));
        check("float(a)", &two(2.0, 5.0), Some(2.0));
        check("int(b) + 1", &two(2.0, 5.9), Some(6.0));
        check("abs(a - b)", &two(2.0, 5.0), Some(3.0));
        check("ceil(b / a)", &two(2.0, 5.0), Some(3.0));
        check("a < 2 && b > 4 ? 10 : (not (a == b) ? 3 : 1)", &two(2.0, 5.0), Some(3.0));
        check("let total = a + b; total * 2", &two(2.0, 5.0), Some(14.0));
        check("[a, b] | filter({# > 3}) | len()", &two(2.0, 5.0), Some(1.0));
    }

    #[test]
    fn nil_stands_for_a_failed_trigger() {
        let three = |a, b, c| [("a", a), ("b", b), ("c", c)];
        check("a ?? b ?? 8", &three(Some(16.0), Some(12.0), None), Some(16.0));
        check("a ?? b ?? 8", &three(None, Some(12.0), None), Some(12.0));
        check("a ?? b ?? 8", &three(None, None, None), Some(8.0));
        check("a ?? b", &three(None, None, None), None);
        check("a == nil ? 3 : a", &three(None, None, None), Some(3.0));
    }

    fn refused(text: &str, expected: &str) {
        let error = Formula::compile(text, &["a", "b"]).unwrap_err();
        assert!(error.0.contains(expected), "{text}: {error}");
    }

    #[test]
    fn what_cannot_work_is_refused_with_its_reason() {
        refused("", "empty");
        refused("a +", "does not compile");
        refused("a + c", "uses \"c\", which is no trigger's name; named triggers: a, b");
        refused("a > 0 ? b : other", "uses \"other\"");
        refused("a > b", "gives false, which is no number");
        refused("\"a\"", "which is no number");
        refused("nil", "gives nil");
        refused("nonsense(a)", "nonsense");
        refused(&"a + ".repeat(2000), "at most 4096");
    }

    fn fails(text: &str, a: Option<f64>) {
        let formula = Formula::compile(text, &["a"]).unwrap();
        assert!(formula.run([("a", a)]).is_err(), "{text} with {a:?}");
    }

    #[test]
    fn an_error_at_run_time_is_no_number() {
        fails("a + 1", None);
        fails("1 / a", Some(0.0));
        fails("a / a", Some(0.0));
        fails("a * 1e300 * 1e300", Some(1.0));
        fails("a > 0 ? \"many\" : 1", Some(1.0));
    }

    #[test]
    fn variables_are_told_from_other_words() {
        let check = |text: &str, expected: &[&str]| assert_eq!(variables(text), expected, "{text}");
        check("a + b_2", &["a", "b_2"]);
        check("max(a, 'b c', \"d\\\" e\", `f`)", &["a"]);
        check("1e3 + 0x1f + a.b + #.c", &["a"]);
        check("let x = a; x + y", &["a", "y"]);
        check("a ?? nil", &["a"]);
    }
}
