//! One trigger that panics or hangs disturbs no other.

use std::time::Duration;

use crate::bench::{Bench, Says, Scripted, pass, policy};

/// PAIN-34, FT-01.
#[tokio::test(start_paused = true)]
async fn a_trigger_that_panics_or_hangs_costs_the_others_nothing() {
    let bench = Bench::start();
    let (panics, hangs) = (Scripted::new(Says::Panic), Scripted::new(Says::Hang));
    let sound = Scripted::new(Says::Value(35.0));
    let ill = bench.put("panics", policy(), &panics).await;
    let stuck = bench.put("hangs", policy(), &hangs).await;
    let well = bench.put("sound", policy(), &sound).await;
    pass(120).await;
    assert_eq!(bench.count(&well), 4);
    assert_eq!((bench.count(&ill), bench.count(&stuck)), (0, 0), "no knowledge, no change");
    let stats = bench.stats();
    assert!(stats.panics > 0 && stats.failed_readings > stats.panics, "{stats:?}");
    assert_eq!(stats.findings, 0);

    let reads = sound.reads.lock().unwrap().clone();
    let late = reads.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
    assert!(late < Duration::from_millis(5_100), "reads are {late:?} apart, their interval is 5 s");
}

#[tokio::test(start_paused = true)]
async fn an_error_or_no_number_holds_the_count() {
    let bench = Bench::start();
    let scaler = Scripted::new(Says::Value(35.0));
    let id = bench.put("orders", policy(), &scaler).await;
    pass(30).await;
    for says in [Says::Error, Says::Value(f64::NAN), Says::Value(f64::INFINITY), Says::Value(-1.0), Says::Hang] {
        scaler.now_says(says.clone());
        pass(900).await;
        assert_eq!(bench.count(&id), 4, "{says:?}");
    }
    scaler.now_says(Says::Value(95.0));
    pass(900).await;
    assert_eq!(bench.count(&id), 10, "and goes on when it is back");
}

/// PAIN-34.
#[tokio::test(start_paused = true)]
async fn thousands_that_hang_on_one_source_delay_no_other() {
    let bench = Bench::start();
    let (hangs, sound) = (Scripted::new(Says::Hang), Scripted::new(Says::Value(35.0)));
    for number in 0..1_500 {
        bench.put_from(1, &format!("stuck-{number}"), policy(), &hangs).await;
    }
    let well = bench.put_from(2, "sound", policy(), &sound).await;
    pass(60).await;
    assert_eq!(bench.count(&well), 4);
    let reads = sound.reads.lock().unwrap().clone();
    let gaps: Vec<Duration> = reads.windows(2).map(|pair| pair[1] - pair[0]).skip(1).collect();
    let least = gaps.iter().min().unwrap();
    let most = gaps.iter().max().unwrap();
    assert!(*most < Duration::from_millis(5_100) && *least > Duration::from_millis(4_900), "{gaps:?}");
    assert_eq!(bench.stats().findings, 0);
}
