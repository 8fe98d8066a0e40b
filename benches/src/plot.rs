//! The pictures: cost against size, cost against elements, and what each wall adds.

use plotters::{
    coord::combinators::{BindKeyPoints as _, IntoLogRange as _},
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use crate::{
    Group, Result, Shape,
    cases::{HASHED, UNCHECKED},
    files::{bytes, thousands},
    measure::{Run, Set},
    report::{median, paired, time},
};

/// The names of the pictures, and the pictures.
///
/// # Errors
///
/// If there is nothing to draw.
pub fn all(run: &Run) -> Result<Vec<(&'static str, String)>> {
    let size = |set: &Set| set.file.bytes;
    let elements = |set: &Set| set.file.elements;
    let weights = |group| move |set: &&Set| set.group == group && set.file.shape == Shape::Weights;
    let lists = |set: &&Set| set.group == Group::Overhead && set.file.shape == Shape::List;
    // What matters most is drawn last, and so on top.
    let mut by_size = series(run, &weights(Group::Julia), size, &["BSON.load"]);
    by_size.extend(series(run, &weights(Group::Peers), size, &["bson to a document"]));
    by_size.extend(series(run, &weights(Group::Verify), size, &["read", HASHED, "verified open"]));
    let by_elements = series(run, &lists, elements, &["guest under WASI", UNCHECKED, "native", "guest"]);
    Ok(vec![
        (
            "cost-by-size.svg",
            lines(
                "Opening a file of weights",
                "time against the length of the file, both logarithmic",
                &by_size,
                (bytes, 16.0),
            )?,
        ),
        (
            "cost-by-elements.svg",
            lines(
                "Decoding a list of integers",
                "time against its elements, both logarithmic",
                &by_elements,
                (thousands, 10.0),
            )?,
        ),
        ("overhead.svg", bars(run)?),
    ])
}

/// A line: its name and its points.
type Series = (String, Vec<(f64, f64)>);

fn series(run: &Run, of: &impl Fn(&&Set) -> bool, x: impl Fn(&Set) -> u64, subjects: &[&str]) -> Vec<Series> {
    let line = |subject: &&str| {
        let point = |set: &Set| {
            let case = set.cases.iter().find(|case| case.subject == **subject)?;
            Some((float(x(set)), median(&case.ns)))
        };
        ((*subject).to_owned(), run.sets.iter().filter(of).filter_map(point).collect::<Vec<_>>())
    };
    subjects.iter().map(line).filter(|(_, points)| points.len() > 1).collect()
}

/// Lines over an axis with such labels at the powers of such a base.
fn lines(title: &str, subtitle: &str, series: &[Series], (label, base): (fn(u64) -> String, f64)) -> Result<String> {
    let points = || series.iter().flat_map(|(_, points)| points);
    let least = |of: fn(&(f64, f64)) -> f64| points().map(of).fold(f64::INFINITY, f64::min);
    let most = |of: fn(&(f64, f64)) -> f64| points().map(of).fold(0.0, f64::max);
    let (x0, x1) = (least(|point| point.0), most(|point| point.0));
    let (y0, y1) = (least(|point| point.1) / 1.6, most(|point| point.1) * 1.6);
    if x0 >= x1 {
        return Err("nothing to draw".into());
    }
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (WIDTH, HEIGHT)).into_drawing_area();
        root.fill(&WHITE)?;
        head(&root, title, subtitle)?;
        let mut chart = ChartBuilder::on(&root)
            .margin_top(72)
            .margin_right(170)
            .margin_left(16)
            .margin_bottom(12)
            .x_label_area_size(34)
            .y_label_area_size(64)
            .build_cartesian_2d(
                (x0..x1).log_scale().with_key_points(powers(base, x0, x1)),
                (y0..y1).log_scale().with_key_points(powers(10.0, y0, y1)),
            )?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .bold_line_style(GRID)
            .light_line_style(TRANSPARENT)
            .axis_style(GRID)
            .label_style(text(14, &MUTED))
            .x_label_formatter(&|&x| label(whole(x)))
            .y_label_formatter(&|&y| time(y))
            .draw()?;
        let mut ends: Vec<(i32, &str)> = Vec::new();
        for (subject, points) in series {
            let colour = colour(subject);
            chart.draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(3)))?;
            chart.draw_series(points.iter().map(|&point| Circle::new(point, 4, colour.filled())))?;
            ends.extend(points.last().map(|end| (chart.backend_coord(end).1, subject.as_str())));
        }
        // Each line is called by its name at the height of its end; names keep their distance.
        ends.sort_unstable();
        let right = chart.backend_coord(&(x1, y0)).0 + 12;
        let mut free = i32::MIN;
        for (y, subject) in ends {
            let y = y.max(free);
            free = y + 20;
            let style = text(15, colour(subject)).pos(Pos::new(HPos::Left, VPos::Center));
            root.draw(&Text::new(subject.to_owned(), (right, y), style))?;
        }
        root.present()?;
    }
    Ok(svg)
}

/// What the same decoder takes in each sandbox, as a multiple of what it takes natively.
fn bars(run: &Run) -> Result<String> {
    let subjects = [UNCHECKED, "guest", "guest under WASI"];
    let shown = |set: &&Set| {
        set.group == Group::Overhead
            && match set.file.shape {
                Shape::Weights => false,
                Shape::List => (1000..=300_001).contains(&set.file.elements),
                Shape::Chain => set.file.elements > 1000,
                Shape::Deep => true,
            }
    };
    let rows: Vec<(String, Vec<(usize, f64)>)> = run
        .sets
        .iter()
        .filter(shown)
        .map(|set| {
            let ratio = |(index, subject): (usize, &&str)| Some((index, paired(set, subject, "native")?.median));
            (set.file.name(), subjects.iter().enumerate().filter_map(ratio).collect())
        })
        .collect();
    let most = rows.iter().flat_map(|(_, row)| row).map(|&(_, ratio)| ratio).fold(1.0, f64::max) * 1.1;
    let (left, right, top, bar, gap) = (250, 60, 112, 15, 18);
    let row_height = bar * i32::try_from(subjects.len())? + gap;
    let height = top + row_height * i32::try_from(rows.len())? + 20;
    let scale = f64::from(i32::try_from(WIDTH)? - left - right) / most;
    let x = |ratio: f64| left + pixels(ratio * scale);
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (WIDTH, u32::try_from(height)?)).into_drawing_area();
        root.fill(&WHITE)?;
        head(&root, "What each sandbox costs", "decoding time as a multiple of the same decoder's native time")?;
        let mut place = left;
        for subject in subjects {
            root.draw(&Rectangle::new([(place, 78), (place + 12, 90)], colour(subject).filled()))?;
            root.draw(&Text::new(subject.to_owned(), (place + 18, 77), text(14, &MUTED)))?;
            place += 40 + 8 * i32::try_from(subject.len())?;
        }
        for (row, (name, ratios)) in rows.iter().enumerate() {
            let y = top + row_height * i32::try_from(row)?;
            let style = text(15, &INK).pos(Pos::new(HPos::Right, VPos::Center));
            root.draw(&Text::new(name.clone(), (left - 12, y + (row_height - gap) / 2), style))?;
            for &(index, ratio) in ratios {
                let y = y + bar * i32::try_from(index)?;
                let shape = [(left, y + 1), (x(ratio), y + bar - 1)];
                root.draw(&Rectangle::new(shape, colour(subjects[index]).filled()))?;
                let style = text(13, &MUTED).pos(Pos::new(HPos::Left, VPos::Center));
                root.draw(&Text::new(format!("{ratio:.2}"), (x(ratio) + 6, y + bar / 2), style))?;
            }
        }
        let native = [(x(1.0), top - 8), (x(1.0), height - 20)];
        root.draw(&PathElement::new(native.to_vec(), INK.stroke_width(1)))?;
        root.present()?;
    }
    Ok(svg)
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

fn head(root: &Area<'_>, title: &str, subtitle: &str) -> Result<()> {
    root.draw(&Text::new(title.to_owned(), (24, 18), text(22, &INK)))?;
    root.draw(&Text::new(subtitle.to_owned(), (24, 46), text(15, &MUTED)))?;
    Ok(())
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "a style borrows its colour")]
fn text(size: u32, colour: &'static RGBColor) -> TextStyle<'static> {
    TextStyle::from(("Helvetica, Arial, sans-serif", size).into_font()).color(colour)
}

/// The powers of a base in a range.
fn powers(base: f64, from: f64, to: f64) -> Vec<f64> {
    (0..16).map(|power| base.powi(power)).filter(|power| (from..=to).contains(power)).collect()
}

/// One subject has one colour in all pictures.
fn colour(subject: &str) -> &'static RGBColor {
    match subject {
        "guest" | "verified open" => &ORANGE,
        "guest under WASI" | "bson to a document" => &GREEN,
        UNCHECKED | "read" => &BLUE,
        "BSON.load" => &PURPLE,
        _ => &MUTED,
    }
}

#[expect(clippy::cast_precision_loss, reason = "a place in a picture")]
fn float(n: u64) -> f64 {
    n as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in a picture")]
fn whole(x: f64) -> u64 {
    x.round() as u64
}

#[expect(clippy::cast_possible_truncation, reason = "a place in a picture")]
fn pixels(x: f64) -> i32 {
    x.round() as i32
}

const WIDTH: u32 = 880;
const HEIGHT: u32 = 520;
static INK: RGBColor = RGBColor(33, 37, 41);
static MUTED: RGBColor = RGBColor(108, 117, 125);
const GRID: RGBColor = RGBColor(226, 230, 234);
static BLUE: RGBColor = RGBColor(0, 95, 153);
static ORANGE: RGBColor = RGBColor(214, 94, 0);
static GREEN: RGBColor = RGBColor(0, 135, 108);
static PURPLE: RGBColor = RGBColor(148, 72, 144);
