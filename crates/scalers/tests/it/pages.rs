//! Pages and schemas say everything that the parser knows.

use serde_json::Value;
use tidegate_scalers::Source;
use tidegate_scalers::catalog::{self, json_schema, page};

#[test]
fn pages_have_every_parameter() {
    for row in catalog::rows() {
        let page = page(row);
        assert!(page.starts_with(&format!("# {}\n", row.names.join(", "))), "{page}");
        assert!(page.contains("```yaml\ntriggers:\n"), "{}: no example", row.name());
        for parameter in &row.parameters {
            let line = page.lines().find(|line| line.starts_with(&format!("| `{}` |", parameter.name)));
            let line = line.unwrap_or_else(|| panic!("{}: {} has no line", row.name(), parameter.name));
            assert_eq!(line.replace("\\|", "").matches('|').count(), 6, "{line}");
            assert!(!parameter.doc.is_empty() && !parameter.doc.contains('\n') || parameter.doc.len() > 10);
            assert!(line.trim_end_matches(" |").ends_with('.'), "{}: no sentence: {line}", row.name());
        }
        assert!(page.lines().all(|line| line == line.trim_end()), "{}: white space at an end", row.name());
        assert!(page.ends_with('\n') && !page.ends_with("\n\n"));
    }
}

#[test]
fn the_documents_have_the_pages_as_they_are() {
    for row in catalog::rows() {
        let file = format!("{}/../../docs/triggers/{}.md", env!("CARGO_MANIFEST_DIR"), row.name());
        expect_test::expect_file![file].assert_eq(&page(row));
    }
}

#[test]
fn schemas_have_every_key() {
    for row in catalog::rows() {
        let schema = json_schema(row);
        let metadata = &schema["properties"]["metadata"];
        let auth = &schema["$defs"]["authentication"]["properties"];
        for parameter in &row.parameters {
            for name in parameter.names() {
                for source in parameter.sources {
                    let property = match source {
                        Source::Metadata => &metadata["properties"][name],
                        Source::Env => &metadata["properties"][format!("{name}FromEnv")],
                        Source::Auth => &auth[name],
                    };
                    assert_eq!(property["type"], "string", "{}: {name} in {source:?}", row.name());
                }
            }
            if parameter.required() && parameter.sources == [Source::Metadata] && parameter.aliases.is_empty() {
                let required = metadata["required"].as_array().unwrap();
                assert!(required.contains(&Value::from(parameter.name)), "{}", parameter.name);
            }
        }
        assert_eq!(schema["properties"]["type"]["enum"], serde_json::json!(row.names));
    }
}

#[test]
fn labels_are_keda_s() {
    assert_eq!(catalog::label("kafka"), "kafkaScaler");
    assert_eq!(catalog::label("apache-kafka"), "apacheKafkaScaler");
    assert_eq!(catalog::label("prometheus"), "prometheusScaler");
}
