//! Scenarios as people write them, right and wrong.

use serde_json::json;

use super::*;

fn parse(spec: serde_json::Value) -> Scenario {
    Scenario::parse(spec).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn problems(spec: serde_json::Value) -> String {
    let problems = Scenario::parse(spec).expect_err("something is wrong with it");
    problems.iter().map(|problem| format!("{problem}\n")).collect()
}

#[test]
fn a_whole_scenario() {
    let scenario = parse(json!({
        "topics": [{"name": "orders", "partitions": 10}],
        "duration": "4m", "lagTarget": 500,
        "remoteWrite": {"url": "http://127.0.0.1:9090/api/v1/write"},
        "load": [{
            "name": "day", "topic": "orders", "executor": "ramping-arrival-rate", "startRate": 60, "timeUnit": "1m",
            "stages": [{"duration": "30s", "target": 6000}, {"duration": "1m30s", "target": 600}],
            "preAllocatedVUs": 10, "maxVUs": 500, "startTime": "5s", "gracefulStop": "2s", "seed": 7,
            "message": {"sizeBytes": {"distribution": "uniform", "min": 10, "max": 90}, "key": {"type": "hot", "share": 0.2}},
        }],
    }));
    assert_eq!(scenario.topics, [TopicSpec { name: "orders".to_owned(), partitions: 10 }]);
    let load = &scenario.load[0];
    let Executor::Arrivals(arrivals) = &load.executor else { panic!("{load:?}") };
    assert_eq!((arrivals.start_rate, arrivals.stages[0].target, arrivals.stages[1].target), (1.0, 100.0, 10.0));
    assert_eq!(arrivals.pool, VuPool { pre_allocated: 10, max: 500 });
    assert_eq!(load.planned_end(), Duration::from_secs(125));
    assert_eq!(load.message.key, KeySpec::Hot { share: 0.2, keys: KeySpec::DEFAULT_KEYS });
    assert_eq!(scenario.planned_duration(), Duration::from_secs(240));
}

#[test]
fn every_executor_of_k6() {
    let load = |executor: serde_json::Value| {
        let mut load = json!({"topic": "t"});
        load.as_object_mut().unwrap().extend(executor.as_object().unwrap().clone());
        parse(json!({"topics": [{"name": "t"}], "load": [load]})).load.remove(0).executor
    };
    let executors = [
        load(json!({"executor": "constant-arrival-rate", "rate": 5, "duration": "1m"})),
        load(json!({"executor": "ramping-arrival-rate", "stages": [{"duration": "1m", "target": 5}]})),
        load(json!({"executor": "constant-vus", "vus": 3, "duration": "1m", "iterationPause": "10ms"})),
        load(
            json!({"executor": "ramping-vus", "startVUs": 0, "stages": [{"duration": "1m", "target": 5}], "gracefulRampDown": "1s"}),
        ),
        load(json!({"executor": "shared-iterations", "vus": 3, "iterations": 100, "maxDuration": "1m"})),
        load(json!({"executor": "per-vu-iterations", "vus": 3, "iterations": 100, "maxDuration": "1m"})),
    ];
    let names: Vec<_> = executors.iter().map(Executor::name).collect();
    assert_eq!(names, super::read::EXECUTORS);
    assert!(executors.iter().all(|executor| executor.duration() == Duration::from_secs(60)));
}

#[test]
fn everything_wrong_is_told_at_once_with_the_nearest_word() {
    let text = problems(json!({
        "topics": [{"name": "or ders", "partitions": 0}, {"partition": 3}],
        "lagTarget": -1,
        "authenticationRef": {"name": "kafka", "kind": "TriggerAuthentification"},
        "load": [
            {"topic": "orders", "executor": "ramping-arrival-rates", "stages": []},
            {"topic": "orders", "executor": "ramping-arrival-rate", "stages": [{"duration": 30, "target": -5}], "timeUnit": "0s"},
            {"topic": "orders", "executor": "constant-vus", "vus": 0, "message": {"key": "hott:0.5", "sizeByte": 3}},
            "nonsense",
        ],
    }));
    expect_test::expect![[r#"
        spec.topics[0].name: found "or ders", expected up to 249 letters, digits, dots, dashes and underscores
        spec.topics[0].partitions: found 0, expected a whole number from 1 to 10000
        spec.topics[1].name: found nothing, expected the topic's name
        spec.topics[1].partition: found an unknown field, expected one of name, partitions (nearest: partitions)
        spec.load[0].executor: found "ramping-arrival-rates", expected one of constant-arrival-rate, ramping-arrival-rate, constant-vus, ramping-vus, shared-iterations, per-vu-iterations (nearest: ramping-arrival-rate)
        spec.load[1].timeUnit: found 0s, expected a duration above zero such as 1s or 1m
        spec.load[1].stages[0].duration: found 30, expected a duration such as 30s, 1m30s or 500ms
        spec.load[1].stages[0].target: found -5, expected a number from 0 to 1000000
        spec.load[2].duration: found nothing, expected how long, as 1m30s
        spec.load[2].vus: found 0, expected a whole number from 1 to 100000
        spec.load[2].message.key: found "hott:0.5", expected none, random, sequence or hot:SHARE with a share from 0 to 1
        spec.load[2].message.sizeByte: found an unknown field, expected one of key, sizeBytes (nearest: sizeBytes)
        spec.load[3]: found "nonsense", expected an object
        spec.authenticationRef.kind: found "TriggerAuthentification", expected one of TriggerAuthentication, ClusterTriggerAuthentication (nearest: TriggerAuthentication)
        spec.lagTarget: found -1, expected a whole number from 0
        spec.authenticationRef: found credentials for the embedded broker, expected bootstrapServers of a real Kafka beside it, or nothing
    "#]]
    .assert_eq(&text);
}

#[test]
fn names_that_do_not_fit_together() {
    let load = json!({"name": "a", "topic": "elsewhere", "executor": "shared-iterations"});
    let text = problems(json!({"topics": [{"name": "t"}, {"name": "t"}], "load": [load, load]}));
    expect_test::expect![[r#"
        spec.topics[1].name: found "t" for the second time, expected each topic once
        spec.load[0].topic: found "elsewhere", expected a topic of this Scenario: t, t
        spec.load[1].name: found "a" for the second time, expected each load by a name of its own
        spec.load[1].topic: found "elsewhere", expected a topic of this Scenario: t, t
    "#]]
    .assert_eq(&text);
}

#[test]
fn not_an_object_at_all() {
    expect_test::expect![[r#"
        spec: found "hello", expected an object
        spec.topics: found nothing, expected at least one topic to be made on the embedded broker
    "#]]
    .assert_eq(&problems(json!("hello")));
}

#[test]
fn the_words_of_the_command_line() {
    assert_eq!(KeySpec::parse("hot:0.3"), Ok(KeySpec::Hot { share: 0.3, keys: KeySpec::DEFAULT_KEYS }));
    assert!(KeySpec::parse("hot:1.3").is_err() && KeySpec::parse("warm").is_err());
    let stages = Stage::parse_list("30s:100, 1m:0").unwrap();
    assert_eq!(stages[1], Stage { duration: Duration::from_secs(60), target: 0.0 });
    assert!(Stage::parse_list("30s").is_err() && Stage::parse_list("30s:-1").is_err());
}
