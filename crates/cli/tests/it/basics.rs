//! Help, completions, manual pages, the catalogue, exit codes.

use crate::support::run;

#[test]
fn help_names_every_command_and_the_exit_codes() {
    let ran = run(&["--help"]);
    assert_eq!(ran.code, Some(0));
    for word in ["up", "decide", "explain", "lag", "validate", "scalers", "produce", "consume", "logs", "Exit codes"] {
        assert!(ran.out.contains(word), "{word} is missing in {}", ran.out);
    }
    assert!(!ran.out.contains("pod-guard"));
}

#[test]
fn a_typo_is_bad_input_and_the_nearest_command_is_named() {
    let ran = run(&["explian"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("explain"), "{}", ran.err);
    assert!(ran.out.is_empty());
}

#[test]
fn completions_and_manual_pages_are_made() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ran = run(&["completions", shell]);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        assert!(ran.out.contains("explain"));
    }
    let folder = tempfile::tempdir().unwrap();
    let ran = run(&["man", "--out", folder.path().to_str().unwrap()]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let page = std::fs::read_to_string(folder.path().join("tidegate-up.1")).unwrap();
    assert!(page.contains(".TH") && page.contains("headless"));
}

#[test]
fn the_catalogue_can_be_read_by_people_and_programs() {
    let ran = run(&["scalers", "list"]);
    assert_eq!(ran.code, Some(0));
    for kind in ["kafka", "prometheus", "cron"] {
        assert!(ran.out.lines().any(|line| line.starts_with(kind)), "{kind} is missing in {}", ran.out);
    }
    let ran = run(&["scalers", "show", "apache-kafka", "-o", "json"]);
    let row: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(row["type"], "kafka");
    let names: Vec<&str> =
        row["parameters"].as_array().unwrap().iter().map(|parameter| parameter["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"lagThreshold") && names.contains(&"saslTokenProvider"), "{names:?}");
    let schema: serde_json::Value = serde_json::from_str(&run(&["scalers", "schema", "cron"]).out).unwrap();
    assert_eq!(schema["title"], "cron");
}

#[test]
fn an_unknown_trigger_type_names_the_nearest() {
    let ran = run(&["scalers", "show", "kafak"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("did you mean \"kafka\""), "{}", ran.err);
    let ran = run(&["scalers", "show", "rabbitmq"]);
    assert!(ran.err.contains("known to KEDA, not yet served"), "{}", ran.err);
}

#[test]
fn a_broker_that_is_not_there_is_an_error_with_address_and_step() {
    // Port 9 of the loopback address has no listener on any sane machine.
    let ran = run(&["lag", "-b", "127.0.0.1:9", "--timeout", "3s"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("127.0.0.1:9"), "{}", ran.err);
    assert!(ran.out.is_empty(), "{}", ran.out);
}

#[test]
fn passwords_are_not_taken_from_the_command_line() {
    let ran = run(&["lag", "-b", "127.0.0.1:9", "--sasl", "plaintext", "--username", "reader"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("--password-file"), "{}", ran.err);
}
