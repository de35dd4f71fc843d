//! Where a parameter is found, on a trigger made up for it.

use crate::declare::{Parameters, choices, parameters};
use crate::given::{Given, normalized};
use crate::{Problem, Secret, TriggerInput};

choices! {
    #[allow(missing_docs)]
    enum Colour {
        Red = "red",
        Blue = "blue",
    }
}

parameters! {
    /// Made up.
    struct Config {
        /// From everywhere.
        server: String = "server" from [Metadata, Env, Auth] { aliases(&["host"]) };
        /// The other way round.
        password: Option<Secret> = "password" from [Auth, Env];
        /// With a default.
        size: i64 = "size" from [Metadata] { default("7"), min(1.0), max(9.0) };
        /// One of two.
        colour: Option<Colour> = "colour" from [Metadata];
        /// Some of two.
        colours: Option<Vec<Colour>> = "colours" from [Metadata];
        /// Gone.
        _gone: Option<String> = "gone" from [Metadata] { removed("use server") };
    }
}

fn read(metadata: &[(&str, &str)], env: &[(&str, &str)], auth: &[(&str, &str)]) -> Result<Config, Vec<Problem>> {
    let secret = |&(name, text): &(&str, &str)| (name.to_owned(), Secret::new(text));
    let input = TriggerInput {
        metadata: metadata.iter().map(|&(name, text)| (name.to_owned(), text.to_owned())).collect(),
        env: env.iter().map(secret).collect(),
        auth: auth.iter().map(secret).collect(),
        ..TriggerInput::default()
    };
    let mut given = Given::new(&input);
    let config = Config::read(&mut given);
    match given.finish().0 {
        problems if problems.is_empty() => Ok(config.expect("no problem")),
        problems => Err(problems),
    }
}

fn server(metadata: &[(&str, &str)], env: &[(&str, &str)], auth: &[(&str, &str)]) -> String {
    read(metadata, env, auth).unwrap_or_else(|problems| panic!("{problems:?}")).server
}

#[test]
fn the_first_source_that_is_not_blank_wins() {
    let (env, auth) = ([("HOST", "e")], [("server", "a")]);
    let all = [("server", "m"), ("serverFromEnv", "HOST")];
    assert_eq!(server(&all, &env, &auth), "m");
    assert_eq!(server(&all[1..], &env, &auth), "e");
    assert_eq!(server(&[], &env, &auth), "a");
    assert_eq!(server(&[("server", " \t"), all[1]], &env, &auth), "e", "blank is absent");
    assert_eq!(server(&all[1..], &[("HOST", " ")], &auth), "a");
    assert_eq!(server(&[("serverFromEnv", "NOWHERE")], &env, &auth), "a", "an unknown variable is absent");
    assert_eq!(server(&[("server", "  m  ")], &[], &[]), "m", "trimmed");
    assert_eq!(server(&[("serverFromEnv", " HOST ")], &env, &[]), "e");
}

#[test]
fn all_names_are_tried_in_a_source_before_the_next() {
    assert_eq!(server(&[("host", "m")], &[], &[("server", "a")]), "m");
    assert_eq!(server(&[("host", "two"), ("server", "one")], &[], &[]), "one");
    assert_eq!(server(&[("hostFromEnv", "HOST")], &[("HOST", "e")], &[]), "e");
}

#[test]
fn the_order_is_the_parameter_s_own() {
    let password = |auth: &[(&str, &str)]| {
        let metadata = [("server", "m"), ("passwordFromEnv", "PASSWORD"), ("password", "never")];
        read(&metadata, &[("PASSWORD", "e")], auth).ok().and_then(|config| config.password)
    };
    assert_eq!(password(&[("password", "a")]), Some(Secret::new("a")));
    assert_eq!(password(&[]), Some(Secret::new("e")));
}

fn problem(metadata: &[(&str, &str)]) -> String {
    let metadata: Vec<_> = [("server", "m")].iter().chain(metadata).copied().collect();
    let problems = read(&metadata, &[], &[]).map(drop).unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:?}");
    format!("{}: {}", problems[0].parameter, problems[0].message)
}

#[test]
fn limits_choices_and_what_is_gone() {
    assert_eq!(read(&[("server", "m")], &[], &[]).map(|config| config.size).ok(), Some(7));
    assert_eq!(problem(&[("size", "0")]), "size: found \"0\", expected 1 to 9");
    assert_eq!(problem(&[("size", "10")]), "size: found \"10\", expected 1 to 9");
    assert_eq!(problem(&[("colour", "Red")]), "colour: found \"Red\", expected one of red, blue");
    assert_eq!(problem(&[("colour", "red,blue")]), "colour: found \"red,blue\", expected one of red, blue");
    assert_eq!(problem(&[("colours", "red,green")]), "colours: found \"red,green\", expected one of red, blue");
    assert_eq!(problem(&[("gone", "x")]), "gone: is not accepted: use server");
    let colours = read(&[("server", "m"), ("colours", "blue , red")], &[], &[]).ok().and_then(|config| config.colours);
    assert_eq!(colours, Some(vec![Colour::Blue, Colour::Red]));
    let colour = read(&[("server", "m"), ("colour", "blue")], &[], &[]).ok().and_then(|config| config.colour);
    assert_eq!(colour, Some(Colour::Blue));
}

#[test]
fn what_is_missing_is_said_with_every_place() {
    let said = |metadata: &[(&str, &str)], env: &[(&str, &str)]| {
        read(metadata, env, &[]).map(drop).unwrap_err().remove(0).message
    };
    assert_eq!(
        said(&[], &[]),
        "is required and absent: expected in metadata \"server\" or metadata \"serverFromEnv\" (the name of a variable \
         of the container) or authentication parameter \"server\""
    );
    let metadata = [("serverFromEnv", "HOST")];
    assert!(
        said(&metadata, &[])
            .contains("variable \"HOST\" of the container, as \"serverFromEnv\" says, which does not exist there")
    );
    assert!(said(&metadata, &[("HOST", "")]).contains("which is empty there"));
}

/// HPA-25
#[test]
fn names_of_metrics() {
    assert_eq!(normalized("kafka-a.b/c:d%(e),f*"), "kafka-a-b-c-d--e-,f*");
}
