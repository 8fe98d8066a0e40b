//! Columns that line up, however wide the characters are.

use std::io::{self, Write};

use unicode_width::UnicodeWidthStr as _;

/// On which side of a column its text stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// Writes rows under a heading, indented by two columns.
///
/// The rows are made twice, once to learn how wide the columns are, so that however many there are no more than one is kept
/// in memory. `paint` colours the heading.
pub(crate) fn write<const N: usize, R>(
    out: &mut impl Write,
    columns: [(&str, Align); N],
    paint: impl Fn(&str) -> String,
    rows: impl Fn() -> R,
) -> io::Result<()>
where
    R: Iterator<Item = [String; N]>,
{
    let mut widths = columns.map(|(heading, _)| heading.width());
    for row in rows() {
        for (width, cell) in widths.iter_mut().zip(&row) {
            *width = cell.width().max(*width);
        }
    }
    let line = |cells: [&str; N]| {
        let mut line = String::new();
        for ((cell, width), (_, align)) in cells.iter().zip(widths).zip(columns) {
            let space = " ".repeat(width.saturating_sub(cell.width()));
            let (before, after) = if align == Align::Right { (&*space, "") } else { ("", &*space) };
            line.push_str("  ");
            line.push_str(before);
            line.push_str(cell);
            line.push_str(after);
        }
        line.truncate(line.trim_end().len());
        line
    };
    writeln!(out, "{}", paint(&line(columns.map(|(heading, _)| heading))))?;
    for row in rows() {
        writeln!(out, "{}", line(row.each_ref().map(String::as_str)))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_by_their_width_on_the_screen() {
        let rows = [["a", "1"], ["学習", "100"], ["é", "20"]].map(|row| row.map(str::to_owned));
        let mut out = Vec::new();
        write(&mut out, [("PATH", Align::Left), ("N", Align::Right)], str::to_owned, || rows.iter().cloned()).unwrap();
        let expected = "  PATH    N\n  a       1\n  学習  100\n  é      20\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn lines_do_not_end_in_spaces() {
        let rows = || [["a".to_owned(), String::new()]].into_iter();
        let mut out = Vec::new();
        write(&mut out, [("A", Align::Left), ("LONG", Align::Left)], str::to_owned, rows).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "  A  LONG\n  a\n");
    }
}
