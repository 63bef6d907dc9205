//! The table for people: a line for each scenario, a column for each transport and way.

use std::fmt::Write as _;

use crate::matrix::{Cell, Verdict};

/// What came of all cells. Under the table stand the reasons for what cannot apply, and what failed.
pub(crate) fn table(cells: &[Cell]) -> String {
    let columns = once(cells.iter().map(column));
    let rows = once(cells.iter().map(|cell| (&cell.group, &cell.scenario)));
    let reasons = once(cells.iter().filter_map(|cell| match &cell.verdict {
        Verdict::Absent(why) => Some(why),
        Verdict::Failed(_) | Verdict::Passed => None,
    }));
    let width = rows.iter().map(|(_, name)| name.len()).max().unwrap_or(0) + 2;
    let mut text = " ".repeat(width);
    for (transport, over) in &columns {
        line(&mut text, format_args!("  {transport}/{over}"));
    }
    let mut group = "";
    for row in rows {
        if group != row.0 {
            group = row.0;
            line(&mut text, format_args!("\n{group}"));
        }
        line(
            &mut text,
            format_args!("\n  {:width$}", row.1.replace('_', " "), width = width - 2),
        );
        for (transport, over) in &columns {
            let here = |cell: &&Cell| {
                (&cell.group, &cell.scenario) == row && column(cell) == (transport, over)
            };
            let mark = cells
                .iter()
                .find(here)
                .map_or(String::new(), |cell| mark(cell, &reasons));
            let width = transport.len() + over.len() + 1;
            line(&mut text, format_args!("  {mark:width$}"));
        }
    }
    text.push('\n');
    for (at, why) in reasons.iter().enumerate() {
        line(
            &mut text,
            format_args!("\n({}) cannot apply: {why}", letter(at)),
        );
    }
    let mut failed = 0;
    for cell in cells {
        if let Verdict::Failed(why) = &cell.verdict {
            failed += 1;
            line(
                &mut text,
                format_args!("\nFAILED {}: {why}", cell.transport),
            );
        }
    }
    let passed = cells
        .iter()
        .filter(|cell| cell.verdict == Verdict::Passed)
        .count();
    let absent = cells.len() - passed - failed;
    line(
        &mut text,
        format_args!("\n{passed} passed, {failed} failed, {absent} cannot apply\n"),
    );
    text
}

fn mark(cell: &Cell, reasons: &[&String]) -> String {
    match &cell.verdict {
        Verdict::Absent(why) => {
            let at = reasons.iter().position(|reason| *reason == why);
            format!("({})", letter(at.unwrap_or(0)))
        }
        Verdict::Failed(_) => "FAILED".to_owned(),
        Verdict::Passed => "ok".to_owned(),
    }
}

fn column(cell: &Cell) -> (&String, &String) {
    (&cell.transport, &cell.over)
}

/// In the order of their first appearance.
fn once<T: PartialEq>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut found = Vec::new();
    for item in items {
        if !found.contains(&item) {
            found.push(item);
        }
    }
    found
}

fn letter(at: usize) -> char {
    char::from(b'a' + (at % 26) as u8)
}

fn line(text: &mut String, more: std::fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _ = text.write_fmt(more);
}

#[cfg(test)]
mod tests {
    use super::table;
    use crate::matrix::{Cell, Verdict};

    #[test]
    fn the_table_shows_what_passed_what_failed_and_why_something_cannot_apply() {
        let cell = |over: &str, scenario: &str, verdict| Cell {
            group: "streams".to_owned(),
            scenario: scenario.to_owned(),
            transport: "mine".to_owned(),
            over: over.to_owned(),
            verdict,
        };
        let absent = || Verdict::Absent("it has no loss".to_owned());
        let cells = [
            cell("udp", "all_is_well", Verdict::Passed),
            cell(
                "tcp",
                "all_is_well",
                Verdict::Failed("it was late".to_owned()),
            ),
            cell("udp", "some_is", Verdict::Passed),
            cell("tcp", "some_is", absent()),
        ];
        let wanted = "             \
                      \u{20} mine/udp  mine/tcp\nstreams\
                      \n  all is well  ok        FAILED  \
                      \n  some is      ok        (a)     \n\
                      \n(a) cannot apply: it has no loss\
                      \nFAILED mine: it was late\
                      \n2 passed, 1 failed, 1 cannot apply\n";
        assert_eq!(table(&cells), wanted);
    }
}
