//! The report as one page that needs nothing else: numbers, two drawings, tables, light or dark as the reader has it.

use crate::{
    clock::Clockwork,
    report::{Endpoint, Report, amounts, millis, rupees},
};

const STYLE: &str = include_str!("page.css");

/// The whole page.
pub(crate) fn render(report: &Report) -> String {
    let title = format!("Field day {}", report.day);
    let parts = [
        head(report),
        format!("<main>{}", violations(report)),
        section("The day in the field", &density(report)),
        section("How long answers took", &format!("{}{}", latency(&report.endpoints), endpoints(report))),
        section("Rules checked", &rules(report)),
        section("Planted mistakes", &refusals(report)),
        section("The bank's statement", &bank(report)),
        section("Settlements", &settlements(report)),
        section("Exports", &exports(report)),
        "</main>".to_owned(),
    ];
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>{}: {}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n{}\n</body>\n</html>\n",
        escape(&title),
        escape(&report.verdict()),
        parts.join("\n")
    )
}

fn head(report: &Report) -> String {
    let (network, logins) = (&report.network, &report.logins);
    let balanced = report.trial_balances.values().flat_map(std::collections::BTreeMap::values).all(|sum| *sum == 0);
    let rate = u64::try_from(report.requests).unwrap_or_default() / report.took_seconds.max(1);
    let facts = [
        ("Requests", format!("{} ({rate}/s)", report.requests)),
        ("Visits confirmed", report.cash.confirmed.to_string()),
        ("Visits failed", report.cash.failed.to_string()),
        ("Cash collected", rupees(report.cash.collected_minor)),
        ("Cash disbursed", rupees(report.cash.disbursed_minor)),
        ("Lost before the server", network.lost_before.to_string()),
        ("Answers lost on the way", network.lost_after.to_string()),
        ("Replays answered", network.replays_answered.to_string()),
        ("Waits asked for", network.waits_asked_for.to_string()),
        ("Refreshes", logins.refreshes.to_string()),
        ("Refresh answers lost", logins.refreshes_whose_answer_was_lost.to_string()),
        (
            "Parallel refreshes, one successor",
            format!("{} of {}", logins.parallel_refreshes_with_one_successor, logins.parallel_refreshes),
        ),
        ("Agents logged out wrongly", logins.agents_logged_out_wrongly.to_string()),
        ("Phones enrolled, revoked", format!("{}, {}", logins.phones_enrolled, logins.phones_revoked)),
        ("Location points", network.points_accepted.to_string()),
        ("Accounts, entries read", format!("{}, {}", report.accounts, report.entries)),
        ("Trial balance", if balanced { "zero".to_owned() } else { "not zero".to_owned() }),
    ];
    let facts: String =
        facts.iter().map(|(name, value)| format!("<div><dt>{name}</dt><dd>{}</dd></div>", escape(value))).collect();
    let class = if report.violations.is_empty() { "kept" } else { "broken" };
    format!(
        "<header>\n<h1>Field day, {} {}</h1>\n<p class=\"soft\">{} agents of {} visited {} borrowers; run {}, seed {}, begun {}, {} seconds, against <code>{}</code>.</p>\n\
         <p class=\"verdict {class}\">{}</p>\n<dl>{facts}</dl>\n</header>",
        escape(&report.weekday),
        escape(&report.day),
        report.agents,
        escape(&report.operators.join(", ")),
        report.visits,
        escape(&report.run),
        report.seed,
        escape(&report.began),
        report.took_seconds,
        escape(&report.url),
        escape(&report.verdict()),
    )
}

fn violations(report: &Report) -> String {
    if report.violations.is_empty() {
        return String::new();
    }
    let items: String =
        report.violations.iter().map(|violation| format!("<li><code>{}</code></li>", escape(violation))).collect();
    section("Violations", &format!("<ol class=\"violations\">{items}</ol>"))
}

fn section(title: &str, content: &str) -> String {
    if content.is_empty() { String::new() } else { format!("<section>\n<h2>{title}</h2>\n{content}\n</section>") }
}

/// Where the drawing's inside begins and how large it is.
const LEFT: u64 = 48;
const TOP: u64 = 14;
const WIDE: u64 = 890;
const HIGH: u64 = 210;

/// Requests per quarter hour as bars, the curve they were drawn from as a line.
fn density(report: &Report) -> String {
    let slots = u64::try_from(report.quarters.len())
        .unwrap_or_default()
        .max(u64::from((Clockwork::SHUT - Clockwork::OPEN) / 15));
    let total: u64 = report.quarters.iter().sum();
    let weights: u64 = report.curve.iter().sum::<u64>().max(1);
    // Two quarters a half hour; thousandths, so that small days are not flat.
    let planned: Vec<u64> = report.curve.iter().flat_map(|weight| [weight * total * 500 / weights; 2]).collect();
    let most = report
        .quarters
        .iter()
        .map(|count| count * 1_000)
        .chain(planned.iter().copied())
        .max()
        .unwrap_or_default()
        .max(1_000);
    let x = |slot: u64| LEFT + slot * WIDE / slots;
    let y = |thousandths: u64| TOP + HIGH - thousandths * HIGH / most;
    let bars: String = (0_u64..)
        .zip(&report.quarters)
        .map(|(slot, count)| {
            let (top, minute) = (y(count * 1_000), u64::from(Clockwork::OPEN) + slot * 15);
            format!(
                "<rect class=\"bar\" x=\"{}\" y=\"{top}\" width=\"{}\" height=\"{}\"><title>{:02}:{:02}: {count} requests</title></rect>",
                x(slot) + 1,
                (WIDE / slots).saturating_sub(2).max(1),
                TOP + HIGH - top,
                minute / 60,
                minute % 60
            )
        })
        .collect();
    let line: Vec<String> = (0_u64..)
        .zip(&planned)
        .flat_map(|(slot, height)| [format!("{},{}", x(slot), y(*height)), format!("{},{}", x(slot + 1), y(*height))])
        .collect();
    let hours: String = (0..=slots / 4)
        .map(|hour| {
            format!(
                "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{:02}</text>",
                x(hour * 4),
                TOP + HIGH + 18,
                8 + hour
            )
        })
        .collect();
    let rules: String = [0, most / 2, most]
        .map(|height| {
            format!(
                "<line class=\"rule\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{1}\" y2=\"{1}\"/><text x=\"{2}\" y=\"{3}\" text-anchor=\"end\">{4}</text>",
                LEFT + WIDE,
                y(height),
                LEFT - 8,
                y(height) + 4,
                height / 1_000
            )
        })
        .concat();
    format!(
        "<figure tabindex=\"0\"><svg viewBox=\"0 0 960 {}\" role=\"img\" aria-labelledby=\"density-title density-text\">\
         <title id=\"density-title\">Requests per quarter hour</title>\
         <desc id=\"density-text\">{total} requests from 08:00 to 20:00 of the simulated day, most of them 10 to 14 and 16 to 19 o'clock.</desc>\
         {rules}{bars}<polyline class=\"curve\" points=\"{}\"/>{hours}</svg>\
         <figcaption>Requests per quarter hour of the simulated day (bars) and the density the plan was drawn from (line). \
         Retries, location batches and lists ride on top of the visits.</figcaption></figure>",
        TOP + HIGH + 30,
        line.join(" ")
    )
}

/// A row an endpoint: a dot at p50, a ring at p95, a stroke at p99.
fn latency(endpoints: &[Endpoint]) -> String {
    const NAMES: u64 = 190;
    const SPAN: u64 = 720;
    const ROW: u64 = 24;
    let most = endpoints.iter().map(|endpoint| endpoint.p99_micros).max().unwrap_or_default().max(1_000);
    let rows = u64::try_from(endpoints.len()).unwrap_or_default();
    let x = |micros: u64| NAMES + micros.min(most) * SPAN / most;
    let marks: String = (0_u64..)
        .zip(endpoints)
        .map(|(row, endpoint)| {
            let y = TOP + row * ROW + ROW / 2;
            let micros = [endpoint.p50_micros, endpoint.p95_micros, endpoint.p99_micros];
            let ([half, most, last], [p50, p95, p99]) = (micros.map(millis), micros.map(x));
            let name = escape(endpoint.name);
            let (text, end, up, down) = (NAMES - 12, NAMES + SPAN, y - 6, y + 6);
            format!(
                "<g><title>{name}: {half} / {most} / {last} ms</title>\
                 <text class=\"name\" x=\"{text}\" y=\"{base}\" text-anchor=\"end\">{name}</text>\
                 <line class=\"rule\" x1=\"{NAMES}\" x2=\"{end}\" y1=\"{y}\" y2=\"{y}\"/>\
                 <line class=\"span\" x1=\"{p50}\" x2=\"{p99}\" y1=\"{y}\" y2=\"{y}\"/>\
                 <circle class=\"p50\" cx=\"{p50}\" cy=\"{y}\" r=\"5\"/><circle class=\"p95\" cx=\"{p95}\" cy=\"{y}\" r=\"4\"/>\
                 <line class=\"p99\" x1=\"{p99}\" x2=\"{p99}\" y1=\"{up}\" y2=\"{down}\"/></g>",
                base = y + 4,
            )
        })
        .collect();
    let foot = TOP + rows * ROW;
    let scale: String = (0_u64..=4)
        .map(|quarter| {
            let micros = most * quarter / 4;
            format!("<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{} ms</text>", x(micros), foot + 18, micros / 1_000)
        })
        .collect();
    format!(
        "<figure tabindex=\"0\"><svg viewBox=\"0 0 960 {}\" role=\"img\" aria-labelledby=\"latency-title latency-text\">\
         <title id=\"latency-title\">Latency percentiles by endpoint</title><desc id=\"latency-text\">The same numbers are in the table below.</desc>\
         {marks}{scale}</svg><figcaption>Dot: half of the answers were faster (p50). Ring: p95. Stroke: p99. \
         Measured at this client; a local emulator's time, not AWS's.</figcaption></figure>",
        foot + 30
    )
}

/// A table with its heads; the first column names the row, `n` columns hold numbers.
fn table(caption: &str, heads: &[(&str, bool)], rows: Vec<Vec<String>>) -> String {
    let class = |number: bool| if number { " class=\"n\"" } else { "" };
    let head: String =
        heads.iter().map(|(name, number)| format!("<th scope=\"col\"{}>{name}</th>", class(*number))).collect();
    let body: String = rows
        .into_iter()
        .map(|row| {
            let cells: String = row
                .iter()
                .zip(heads)
                .enumerate()
                .map(|(at, (cell, (_, number)))| match at {
                    0 => format!("<th scope=\"row\">{cell}</th>"),
                    _ => format!("<td{}>{cell}</td>", class(*number)),
                })
                .collect();
            format!("<tr>{cells}</tr>")
        })
        .collect();
    format!(
        "<div class=\"table\" tabindex=\"0\" role=\"region\" aria-label=\"{caption}\"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )
}

fn endpoints(report: &Report) -> String {
    let rows = report
        .endpoints
        .iter()
        .map(|endpoint| {
            let [p50, p95, p99] = [endpoint.p50_micros, endpoint.p95_micros, endpoint.p99_micros].map(millis);
            vec![escape(endpoint.name), endpoint.requests.to_string(), p50, p95, p99]
        })
        .collect();
    let heads = [("Endpoint", false), ("Requests", true), ("p50 ms", true), ("p95 ms", true), ("p99 ms", true)];
    let statuses: Vec<String> = report.statuses.iter().map(|(status, count)| format!("{status}: {count}")).collect();
    format!(
        "<br>{}<p class=\"soft\">Answers by status: {}.</p>",
        table("Latency by endpoint", &heads, rows),
        statuses.join(", ")
    )
}

fn rules(report: &Report) -> String {
    let rows = report
        .rules
        .iter()
        .map(|rule| vec![escape(&rule.name), escape(rule.says), rule.violations.to_string()])
        .collect();
    let balances: Vec<String> = report
        .trial_balances
        .iter()
        .map(|(operator, sums)| format!("{} {}", escape(operator), amounts(sums)))
        .collect();
    format!(
        "{}<p class=\"soft\">Trial balances: {}. {} accounts, {} entries and {} sightings of states were read.</p>",
        table("Rules checked", &[("Rule", false), ("Says", false), ("Violations", true)], rows),
        balances.join(", "),
        report.accounts,
        report.entries,
        report.sightings
    )
}

fn refusals(report: &Report) -> String {
    let rows = report
        .refusals
        .iter()
        .map(|refusal| vec![escape(refusal.name), refusal.planted.to_string(), refusal.refused.to_string()])
        .collect();
    table("Planted mistakes", &[("Mistake", false), ("Planted", true), ("Refused by name, without effect", true)], rows)
}

fn bank(report: &Report) -> String {
    let summary = format!(
        "<p>{} lines, {} payouts reconciled; {} of {} planted differences were found by their name.</p>",
        report.bank.lines,
        report.bank.reconciled,
        report.exceptions_found(),
        report.exceptions_planted()
    );
    let rows = report
        .bank
        .exceptions
        .iter()
        .map(|one| {
            vec![
                escape(&one.operator),
                format!("<code>{}</code>", escape(&one.disbursement_id)),
                escape(&one.planted),
                escape(&one.found),
            ]
        })
        .collect();
    let heads = [("Operator", false), ("Disbursement", false), ("Planted", false), ("Found", false)];
    format!("{summary}{}", table("Bank exceptions", &heads, rows))
}

fn settlements(report: &Report) -> String {
    let notes: String = report.notes.iter().map(|note| format!("<p>{}</p>", escape(note))).collect();
    let rows = report
        .settlements
        .iter()
        .map(|one| {
            vec![
                format!("{} / {}", escape(&one.operator), escape(&one.partner)),
                one.count.to_string(),
                rupees(one.collected_minor),
                rupees(one.disbursed_minor),
                rupees(one.net_minor),
                format!("<code>{}</code>", escape(&one.sha256)),
            ]
        })
        .collect();
    let heads = [
        ("Operator / partner", false),
        ("Lines", true),
        ("Collected", true),
        ("Disbursed", true),
        ("Net", true),
        ("sha256 of the file", false),
    ];
    format!("{notes}{}", table("Settlements", &heads, rows))
}

fn exports(report: &Report) -> String {
    let rows = report
        .exports
        .iter()
        .map(|one| {
            vec![
                format!("{} / {}", escape(&one.operator), one.kind),
                escape(&one.day),
                one.count.to_string(),
                amounts(&one.sums),
                format!("<code>{}</code>", escape(&one.sha256)),
            ]
        })
        .collect();
    let heads =
        [("Operator / kind", false), ("Day", false), ("Lines", true), ("Sums", true), ("sha256 of the file", false)];
    table("Exports", &heads, rows)
}

fn escape(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, letter| {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::small;

    #[test]
    fn the_page_says_the_verdict_and_needs_nothing_else() {
        let page = render(&small(&[]));
        assert!(page.contains("<p class=\"verdict kept\">0 violations</p>"));
        for outside in ["http:", "https:", "src=", "<link", "<script", "@import", "url("] {
            let first = page.replace("http://localhost:4566", "").find(outside);
            assert_eq!(first, None, "{outside}");
        }
        assert!(page.contains("prefers-color-scheme:dark"));
    }

    #[test]
    fn the_page_says_how_the_logins_lasted() {
        let page = render(&small(&[]));
        assert!(page.contains("<dt>Agents logged out wrongly</dt><dd>0</dd>"));
        assert!(page.contains("<dt>Parallel refreshes, one successor</dt><dd>2 of 2</dd>"));
    }

    #[test]
    fn whatever_the_server_said_is_only_text() {
        let page = render(&small(&["API: x: <script>alert(1)</script>"]));
        assert!(page.contains("&lt;script&gt;alert(1)") && !page.contains("<script>"));
        assert!(page.contains("verdict broken") && page.contains("4566/&lt;x&gt;"));
    }

    #[test]
    fn both_drawings_have_a_title_and_their_marks() {
        let page = render(&small(&[]));
        assert_eq!(page.matches("role=\"img\"").count(), 2);
        assert_eq!(page.matches("class=\"bar\"").count(), 3);
        assert_eq!(page.matches("class=\"p99\"").count(), 1);
        assert!(page.contains("delivery-get: 52.0 / 90.0 / 120.4 ms"));
    }
}
