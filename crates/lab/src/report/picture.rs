//! Draws a chart as PNG, for places that take no SVG.

use std::sync::OnceLock;

use plotters::prelude::*;
use plotters::style::{FontStyle, register_font};

use super::chart::{Chart, Line, axis_number, clock, time_step};
use crate::error::LabError;

const SIZE: (u32, u32) = (1280, 400);
const FONT: &str = "sans-serif";

/// Okabe and Ito's colours, told apart by everybody; the page uses the same.
const PALETTE: [RGBColor; 5] = [
    RGBColor(0x00, 0x72, 0xb2),
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0xcc, 0x79, 0xa7),
    RGBColor(0x80, 0x80, 0x80),
];

/// The font is part of the program: a machine that runs it need not have any.
fn font() -> Result<(), LabError> {
    static REGISTERED: OnceLock<bool> = OnceLock::new();
    let registered = REGISTERED.get_or_init(|| register_font(FONT, FontStyle::Normal, dejavu::sans::regular()).is_ok());
    if *registered {
        Ok(())
    } else {
        Err(LabError::Picture { what: "text".to_owned(), cause: "the built-in font cannot be read".to_owned() })
    }
}

/// Draws `chart` of `subject`; a PNG file's bytes.
pub(super) fn draw(chart: &Chart, subject: &str) -> Result<Vec<u8>, LabError> {
    font()?;
    let drawn = pixels(chart, subject).and_then(|pixels| encode(&pixels));
    drawn.map_err(|error| LabError::Picture { what: format!("{} of {subject}", chart.title), cause: error.to_string() })
}

fn encode(pixels: &[u8]) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, SIZE.0, SIZE.1);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(bytes)
}

type Area<'a> = DrawingArea<BitMapBackend<'a>, plotters::coord::Shift>;

fn pixels(chart: &Chart, subject: &str) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let mut buffer = vec![0; SIZE.0 as usize * SIZE.1 as usize * 3];
    {
        let area = BitMapBackend::with_buffer(&mut buffer, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        paint(&area, chart, subject)?;
        area.present()?;
    }
    Ok(buffer)
}

fn paint(area: &Area<'_>, chart: &Chart, subject: &str) -> Result<(), Box<dyn std::error::Error>> {
    let mut context = ChartBuilder::on(area)
        .caption(format!("{} of {subject}, {}", chart.title, chart.unit), (FONT, 22))
        .margin(12)
        .x_label_area_size(32)
        .y_label_area_size(64)
        .build_cartesian_2d(0.0..chart.end(), 0.0..chart.top() * 1.05)?;
    context
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_labels((chart.end() / time_step(chart.end())) as usize + 1)
        .x_label_formatter(&|seconds| clock(*seconds))
        .y_label_formatter(&|value| axis_number(*value))
        .label_style((FONT, 14))
        .draw()?;
    let top = chart.top() * 1.05;
    for (seconds, _) in &chart.marks {
        let mark = PathElement::new(vec![(*seconds, 0.0), (*seconds, top)], RGBColor(0xdd, 0xdd, 0xdd));
        context.draw_series(std::iter::once(mark))?;
    }
    for line in &chart.lines {
        let style = style(line);
        let mut named = false;
        for run in chart.runs(line) {
            let drawn = if line.dashed {
                context.draw_series(DashedLineSeries::new(run, 8, 6, style))?
            } else {
                context.draw_series(LineSeries::new(run, style))?
            };
            if !named {
                drawn.label(line.name).legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 20, y)], style));
                named = true;
            }
        }
    }
    context
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE.mix(0.85))
        .border_style(RGBColor(0xcc, 0xcc, 0xcc))
        .label_font((FONT, 14))
        .draw()?;
    Ok(())
}

fn style(line: &Line) -> ShapeStyle {
    let colour = PALETTE.get(line.colour).copied().unwrap_or(BLACK);
    colour.stroke_width(2)
}
