//! What the dashboard asks, and the SQL that people have.

use super::*;

const DAY: i64 = 86_400_000_000;

/// 2026-11-20T00:00:00Z
const MIDNIGHT: i64 = NOON - DAY / 2;

/// Seven days of samples, `per_day` each; the last day is the 20th.
fn week(bench: &Bench, per_day: u64) -> (Ledger, Vec<RequestRecord>) {
    let ledger = bench.open();
    let mut records = Vec::new();
    for day in 0..7_i64 {
        for number in 0..per_day {
            let mut record = sample::mixed(number * 7 + u64::try_from(day).unwrap());
            let shift = i64::try_from(number).unwrap() * 60_000_000;
            record.started = Wall::from_micros(MIDNIGHT - (6 - day) * DAY + shift);
            record.key = if number % 2 == 0 { "alice" } else { "bob" }.into();
            if number % 5 == 0 {
                record.cost = None;
            }
            records.push(record.clone());
            ledger.record(Arc::new(record));
        }
    }
    assert!(ledger.flush(LONG));
    (ledger, records)
}

fn bounds() -> Vec<Wall> {
    (0..8)
        .map(|day| Wall::from_micros(MIDNIGHT - (6 - day) * DAY))
        .collect()
}

#[test]
fn a_week_of_spend_adds_up_in_every_table() {
    let bench = Bench::new();
    let (ledger, records) = week(&bench, 60);
    let spend = ledger.spend(&bounds()).unwrap();
    let mut expected = Totals::default();
    for record in &records {
        expected.add(record);
    }
    assert_eq!(spend.total.totals, expected);
    assert!(expected.unpriced > 0 && expected.errors > 0 && expected.fallbacks > 0);
    for day in 0..7 {
        let from = MIDNIGHT - (6 - i64::try_from(day).unwrap()) * DAY;
        let of_day = records
            .iter()
            .filter(|record| (from..from + DAY).contains(&record.started.as_micros()));
        let cost: NanoDollars = of_day.filter_map(|record| record.cost).sum();
        assert_eq!(spend.total.daily[day], cost, "day {day}");
    }
    for table in [
        &spend.by_model,
        &spend.by_backend,
        &spend.by_key,
        &spend.by_app,
    ] {
        let mut sum = Totals::default();
        for line in table {
            sum.merge(&line.totals);
        }
        assert_eq!(sum, expected);
        assert!(table.is_sorted_by(|left, right| left.totals.cost >= right.totals.cost));
        assert!(table.iter().all(|line| line.daily.len() == 7));
    }
    let names = |lines: &[SpendLine]| -> Vec<String> {
        let mut names: Vec<_> = lines.iter().map(|line| line.name.clone()).collect();
        names.sort();
        names
    };
    assert_eq!(
        names(&spend.by_model),
        ["gpt-4o-mini", "gpt-9", "qwen3:32b"]
    );
    assert_eq!(names(&spend.by_key), ["alice", "bob"]);
    assert_eq!(names(&spend.by_app), ["OpenAI/Python"]);
    assert_eq!(
        names(&spend.by_backend),
        ["", "ollama/qwen3:32b", "openai/gpt-4o-mini"]
    );
}

#[test]
fn an_empty_ledger_spends_nothing_on_every_day() {
    let bench = Bench::new();
    let ledger = bench.open();
    let spend = ledger.spend(&bounds()).unwrap();
    assert_eq!(spend.total.daily, [NanoDollars::ZERO; 7]);
    assert!(spend.by_model.is_empty());
    assert_eq!(
        ledger
            .totals_between(Wall::from_micros(0), Wall::from_micros(i64::MAX))
            .unwrap(),
        TotalsSince::default()
    );
    assert_eq!(ledger.recent(5).unwrap(), []);
}

#[test]
fn days_must_be_days() {
    let bench = Bench::new();
    let ledger = bench.open();
    let wall = Wall::from_micros;
    for days in [vec![], vec![wall(1)], vec![wall(2), wall(1)]] {
        assert_eq!(ledger.spend(&days).unwrap_err(), ReadError::Days);
    }
}

#[test]
fn totals_since_midnight_seed_the_day() {
    let bench = Bench::new();
    let (ledger, records) = week(&bench, 60);
    let since = ledger
        .totals_between(Wall::from_micros(MIDNIGHT), Wall::from_micros(i64::MAX))
        .unwrap();
    let mut expected = Totals::default();
    let today = records
        .iter()
        .filter(|record| record.started.as_micros() >= MIDNIGHT);
    today.for_each(|record| expected.add(record));
    assert_eq!(since.all, expected);
    let names: Vec<_> = since
        .by_deployment
        .iter()
        .map(|(name, _)| &**name)
        .collect();
    assert_eq!(names, ["3f9a1c22d0e4b871", "a1b2c3d4e5f60718"]);
    let groups: u64 = since
        .by_group
        .iter()
        .map(|(_, totals)| totals.requests)
        .sum();
    let refused = expected.requests - groups;
    let unknown = since
        .by_client_model
        .iter()
        .find(|(name, _)| &**name == "gpt-9")
        .unwrap();
    assert_eq!(unknown.1.requests, refused);
}

/// Runs a query and joins its columns by `|`, one line a row.
fn ask(bench: &Bench, sql: &str) -> Vec<String> {
    let conn = bench.foreign();
    let mut statement = conn.prepare(sql).unwrap();
    let columns = statement.column_count();
    let rows = statement
        .query_map([], |row| {
            let cells = (0..columns).map(|column| match row.get_ref(column).unwrap() {
                rusqlite::types::ValueRef::Null => "NULL".to_owned(),
                rusqlite::types::ValueRef::Integer(number) => number.to_string(),
                rusqlite::types::ValueRef::Real(number) => format!("{number:.9}"),
                rusqlite::types::ValueRef::Text(text) => String::from_utf8(text.to_vec()).unwrap(),
                rusqlite::types::ValueRef::Blob(_) => "BLOB".to_owned(),
            });
            Ok(cells.collect::<Vec<_>>().join("|"))
        })
        .unwrap();
    rows.map(Result::unwrap).collect()
}

#[test]
fn one_row_as_the_view_shows_it() {
    let bench = Bench::new();
    let ledger = bench.open();
    let record = sample::failed_over(2);
    ledger.record(Arc::new(record.clone()));
    assert!(ledger.flush(LONG));
    let shown = ask(
        &bench,
        r#"SELECT request_id, call_type, api_key, spend, response_cost, total_tokens, prompt_tokens,
                  completion_tokens, "startTime", "endTime", "completionStartTime",
                  request_duration_ms, model, model_id, model_group, custom_llm_provider, api_base,
                  user, end_user, team_id, organization_id, cache_hit, request_tags,
                  requester_ip_address, status, created_at, session_id
           FROM "LiteLLM_SpendLogs""#,
    );
    let expected = [
        record.call_id.as_str(),
        "acompletion",
        "master",
        "0.000278100",
        "0.000278100",
        "1368",
        "1206",
        "162",
        "2026-11-20 12:00:00",
        "2026-11-20 12:00:01",
        "2026-11-20 12:00:00",
        "1247",
        "gpt-4o-mini",
        "a1b2c3d4e5f60718",
        "smart-cloud",
        "openai",
        "https://api.openai.com",
        "",
        "user-2",
        "NULL",
        "NULL",
        "False",
        r#"["team-a"]"#,
        "192.168.1.16",
        "success",
        "2026-11-20 12:00:01",
        "NULL",
    ];
    assert_eq!(shown, [expected.join("|")]);
    let more = ask(
        &bench,
        r#"SELECT requested_model, backend, cached_tokens, reasoning_tokens, stream,
                  attempted_retries, attempted_fallbacks, context_window,
                  round(context_share, 6), json_extract(metadata, '$.user_api_key_alias')
           FROM "LiteLLM_SpendLogs""#,
    );
    assert_eq!(
        more,
        ["chat|openai/gpt-4o-mini|402|40|1|1|1|128000|0.009422000|master"]
    );
}

#[test]
fn the_queries_people_have_give_their_answers() {
    let bench = Bench::new();
    let (_ledger, records) = week(&bench, 20);
    let dollars = |keep: &dyn Fn(&RequestRecord) -> bool| -> String {
        let nano: NanoDollars = records
            .iter()
            .filter(|record| keep(record))
            .filter_map(|record| record.cost)
            .sum();
        format!("{:.9}", nano.0 as f64 / 1e9)
    };

    let by_model = ask(
        &bench,
        r#"SELECT model, SUM(spend) FROM "LiteLLM_SpendLogs" WHERE "startTime" >= '2026-11-18'
           GROUP BY model ORDER BY SUM(spend) DESC"#,
    );
    let since = MIDNIGHT - 2 * DAY;
    let mini =
        dollars(&|record| &*record.model == "gpt-4o-mini" && record.started.as_micros() >= since);
    assert_eq!(by_model[0], format!("gpt-4o-mini|{mini}"));
    assert!(
        by_model[1].starts_with("qwen3:32b|0.000000000"),
        "{by_model:?}"
    );

    let per_day = ask(
        &bench,
        "SELECT api_key, date(startTime) AS day, SUM(spend), COUNT(*) FROM litellm_spend_logs
         WHERE api_key = 'alice' GROUP BY api_key, day ORDER BY day",
    );
    assert_eq!(per_day.len(), 7);
    let first = dollars(&|record| {
        &*record.key == "alice" && record.started.as_micros() < MIDNIGHT - 5 * DAY
    });
    assert_eq!(per_day[0], format!("alice|2026-11-14|{first}|10"));

    let range = ask(
        &bench,
        "SELECT SUM(response_cost), COUNT(*), SUM(total_tokens) > 0 FROM litellm_spend_logs
         WHERE created_at >= '2026-11-15 00:00:00' AND created_at < '2026-11-17'",
    );
    let (from, to) = (MIDNIGHT - 5 * DAY, MIDNIGHT - 3 * DAY);
    let two_days = dollars(&|record| (from..to).contains(&record.started.as_micros()));
    assert_eq!(range, [format!("{two_days}|40|1")]);

    let failures = ask(
        &bench,
        "SELECT status, COUNT(*) FROM litellm_spend_logs GROUP BY status ORDER BY status",
    );
    let failed = records.iter().filter(|record| !record.is_ok()).count();
    assert_eq!(
        failures,
        [
            format!("failure|{failed}"),
            format!("success|{}", records.len() - failed)
        ]
    );

    let one = records.last().unwrap();
    let by_id = ask(
        &bench,
        &format!(
            "SELECT model_group FROM litellm_spend_logs WHERE request_id = '{}'",
            one.call_id
        ),
    );
    assert!(by_id.contains(&one.group.to_string()), "{by_id:?}");
}

#[test]
fn unpriced_rows_and_tags_can_be_asked_for() {
    let bench = Bench::new();
    let (_ledger, records) = week(&bench, 20);
    let unpriced = ask(
        &bench,
        "SELECT COUNT(*), SUM(spend) FROM litellm_spend_logs WHERE response_cost IS NULL",
    );
    let none = records
        .iter()
        .filter(|record| record.cost.is_none())
        .count();
    assert_eq!(unpriced, [format!("{none}|0.000000000")]);

    let by_tag = ask(
        &bench,
        "SELECT tag.value, COUNT(*) FROM litellm_spend_logs, json_each(request_tags) AS tag
         GROUP BY tag.value",
    );
    let tagged = records
        .iter()
        .filter(|record| !record.tags.is_empty())
        .count();
    assert_eq!(by_tag, [format!("team-a|{tagged}")]);
}
