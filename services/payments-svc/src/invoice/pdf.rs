//! A document as PDF/A-2b on one A4 page. The same document is always the same bytes.

use std::sync::LazyLock;

use chrono::{DateTime, Datelike, Timelike, Utc};
use krilla::{
    Document, SerializeSettings,
    color::rgb,
    configure::{Configuration, Validator},
    geom::{PathBuilder, Point},
    metadata::{DateTime as PdfDate, Metadata},
    num::NormalizedF32,
    page::PageSettings,
    paint::{Fill, Stroke},
    surface::Surface,
    text::{Font, TextDirection},
};
use ttf_parser::Face;

use super::Printed;

const REGULAR: &[u8] = include_bytes!("../../fonts/NotoSans-Regular.ttf");
const BOLD: &[u8] = include_bytes!("../../fonts/NotoSans-Bold.ttf");

/// A4 in points, and what stays free at its sides.
const PAGE: (f32, f32) = (595.28, 841.89);
const MARGIN: f32 = 56.7;
const RIGHT: f32 = PAGE.0 - MARGIN;
const COLUMN: f32 = (RIGHT - MARGIN) / 2.0;
/// Text, headings, and from one line to the next.
const SIZE: f32 = 9.5;
const LINE: f32 = 14.0;

const INK: (u8, u8, u8) = (28, 27, 24);
const QUIET: (u8, u8, u8) = (95, 91, 82);

/// Why no file was made.
#[derive(Debug, thiserror::Error)]
pub enum PdfError {
    /// A font cannot be read.
    #[error("a font of the invoice cannot be read")]
    Font,
    /// The text cannot be set as the standard asks.
    #[error("the document cannot be set: {0}")]
    Set(String),
}

/// A font, for drawing and for measuring.
struct Type {
    font: Font,
    face: Face<'static>,
}

impl Type {
    fn read(bytes: &'static [u8]) -> Option<Self> {
        Some(Self { font: Font::new(bytes.into(), 0)?, face: Face::parse(bytes, 0).ok()? })
    }

    fn width(&self, text: &str, size: f32) -> f32 {
        let glyphs = text.chars().filter_map(|character| self.face.glyph_index(character));
        let units: f32 = glyphs.filter_map(|glyph| self.face.glyph_hor_advance(glyph)).map(f32::from).sum();
        units * size / f32::from(self.face.units_per_em())
    }
}

static REGULAR_TYPE: LazyLock<Option<Type>> = LazyLock::new(|| Type::read(REGULAR));
static BOLD_TYPE: LazyLock<Option<Type>> = LazyLock::new(|| Type::read(BOLD));

/// The first character that the invoice's font does not have: Latin letters, figures and usual signs are there.
pub fn unprintable(text: &str) -> Option<char> {
    let face = &REGULAR_TYPE.as_ref()?.face;
    text.chars().find(|character| face.glyph_index(*character).is_none())
}

/// Sets a document that was issued at `issued_at`.
///
/// # Errors
/// [`PdfError`], for text with characters of which [`unprintable`] would have warned.
pub fn file(printed: &Printed, issued_at: DateTime<Utc>) -> Result<Vec<u8>, PdfError> {
    let settings = SerializeSettings { configuration: Configuration::new_with_validator(Validator::A2_B), ..SerializeSettings::default() };
    let mut document = Document::new_with(settings);
    let title = format!("{} {}", printed.title, printed.number);
    document.set_metadata(Metadata::new().title(title).language("en-IN".to_owned()).creation_date(pdf_date(issued_at)));
    let (regular, bold) = (REGULAR_TYPE.as_ref().ok_or(PdfError::Font)?, BOLD_TYPE.as_ref().ok_or(PdfError::Font)?);
    let size = PageSettings::from_wh(PAGE.0, PAGE.1).ok_or_else(|| PdfError::Set("no page".to_owned()))?;
    {
        let mut page = document.start_page_with(size);
        Sheet { surface: page.surface(), regular, bold, y: MARGIN + 18.0 }.set(printed);
    }
    document.finish().map_err(|error| PdfError::Set(format!("{error:?}")))
}

fn pdf_date(at: DateTime<Utc>) -> PdfDate {
    let small = |n: u32| u8::try_from(n).unwrap_or_default();
    PdfDate::new(u16::try_from(at.year()).unwrap_or_default())
        .month(small(at.month()))
        .day(small(at.day()))
        .hour(small(at.hour()))
        .minute(small(at.minute()))
        .second(small(at.second()))
        .utc_offset_hour(0)
        .utc_offset_minute(0)
}

/// The page that is being filled, from top to bottom.
struct Sheet<'page> {
    surface: Surface<'page>,
    regular: &'static Type,
    bold: &'static Type,
    /// The next line's base.
    y: f32,
}

impl Sheet<'_> {
    fn set(&mut self, printed: &Printed) {
        self.bold_text(MARGIN, 18.0, printed.title);
        self.right(self.bold, 12.0, INK, &printed.number);
        self.y += 8.0;
        self.rule(1.5);
        self.y += 22.0;
        self.parties(printed);
        for (name, value) in &printed.facts {
            self.text(self.regular, MARGIN, SIZE, QUIET, name);
            self.text(self.regular, MARGIN + 110.0, SIZE, INK, value);
            self.y += LINE;
        }
        self.y += 14.0;
        self.service(printed);
        for (name, amount) in &printed.sums {
            self.sum(self.regular, SIZE, name, amount);
        }
        self.y -= 6.0;
        self.rule(1.5);
        self.y += 14.0;
        self.sum(self.bold, 11.5, "Total", &printed.total);
        self.y += 6.0;
        for line in wrap(self.bold, SIZE, RIGHT - MARGIN, &printed.words) {
            self.bold_text(MARGIN, SIZE, &line);
            self.y += LINE;
        }
        self.y += 6.0;
        for note in &printed.notes {
            self.text(self.regular, MARGIN, SIZE, INK, note);
            self.y += LINE;
        }
    }

    /// Seller and buyer side by side.
    fn parties(&mut self, printed: &Printed) {
        let top = self.y;
        let mut lowest = top;
        for (x, heading, lines) in [(MARGIN, "From", &printed.seller), (MARGIN + COLUMN + 12.0, "To", &printed.buyer)] {
            self.y = top;
            self.text(self.regular, x, 8.0, QUIET, heading);
            self.y += LINE;
            for (index, line) in lines.iter().enumerate() {
                let font = if index == 0 { self.bold } else { self.regular };
                for part in wrap(font, SIZE, COLUMN - 12.0, line) {
                    self.text(font, x, SIZE, INK, &part);
                    self.y += LINE;
                }
            }
            lowest = lowest.max(self.y);
        }
        self.y = lowest + 14.0;
    }

    fn service(&mut self, printed: &Printed) {
        const SAC: f32 = MARGIN + 300.0;
        self.bold_text(MARGIN, SIZE, "Service");
        self.bold_text(SAC, SIZE, "SAC");
        self.right(self.bold, SIZE, INK, "Amount");
        self.y += 6.0;
        self.rule(0.5);
        self.y += LINE;
        self.text(self.regular, MARGIN, SIZE, INK, &printed.description);
        self.text(self.regular, SAC, SIZE, INK, &printed.sac);
        let net = printed.sums.first().map_or("", |(_, amount)| amount);
        self.right(self.regular, SIZE, INK, net);
        self.y += LINE;
        self.text(self.regular, MARGIN, 8.0, QUIET, &printed.period);
        self.y += 6.0;
        self.rule(0.5);
        self.y += LINE + 2.0;
    }

    /// A name and an amount, both at the right.
    fn sum(&mut self, font: &'static Type, size: f32, name: &str, amount: &str) {
        let x = RIGHT - 120.0 - font.width(name, size);
        self.text(font, x, size, INK, name);
        self.right(font, size, INK, amount);
        self.y += LINE + 2.0;
    }

    fn bold_text(&mut self, x: f32, size: f32, text: &str) {
        self.text(self.bold, x, size, INK, text);
    }

    fn right(&mut self, font: &'static Type, size: f32, ink: (u8, u8, u8), text: &str) {
        self.text(font, RIGHT - font.width(text, size), size, ink, text);
    }

    fn text(&mut self, font: &'static Type, x: f32, size: f32, (red, green, blue): (u8, u8, u8), text: &str) {
        let paint = rgb::Color::new(red, green, blue).into();
        self.surface.set_fill(Some(Fill { paint, opacity: NormalizedF32::ONE, rule: krilla::paint::FillRule::default() }));
        self.surface.set_stroke(None);
        self.surface.draw_text(Point::from_xy(x, self.y), font.font.clone(), size, text, false, TextDirection::LeftToRight);
    }

    fn rule(&mut self, width: f32) {
        let mut path = PathBuilder::new();
        path.move_to(MARGIN, self.y);
        path.line_to(RIGHT, self.y);
        let Some(path) = path.finish() else { return };
        self.surface.set_fill(None);
        let paint = rgb::Color::new(INK.0, INK.1, INK.2).into();
        self.surface.set_stroke(Some(Stroke { paint, width, ..Stroke::default() }));
        self.surface.draw_path(&path);
    }
}

/// Breaks a text into lines that are not wider than `width`, at spaces; a word that is wider alone is broken anywhere.
fn wrap(font: &Type, size: f32, width: f32, text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let mut rest = word;
        while !rest.is_empty() {
            let line = lines.last().map_or("", String::as_str);
            let joined = if line.is_empty() { rest.to_owned() } else { format!("{line} {rest}") };
            if font.width(&joined, size) <= width {
                lines.pop();
                lines.push(joined);
                rest = "";
            } else if line.is_empty() {
                let fits = rest.char_indices().skip(1).take_while(|(end, _)| font.width(&rest[..*end], size) <= width).last();
                let end = fits.map_or(rest.len(), |(end, _)| end);
                lines.pop();
                lines.push(rest[..end].to_owned());
                lines.push(String::new());
                rest = &rest[end..];
            } else {
                lines.push(String::new());
            }
        }
    }
    lines.retain(|line| !line.is_empty());
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_at_spaces_and_long_words_anywhere() {
        let font = REGULAR_TYPE.as_ref().unwrap();
        for text in ["", "one", "one two three four five six seven eight", &"W".repeat(90), "a b\u{a0}c"] {
            let lines = wrap(font, SIZE, 100.0, text);
            assert!(lines.iter().all(|line| font.width(line, SIZE) <= 100.0), "{lines:?}");
            let letters = |text: &str| text.split_whitespace().collect::<String>();
            assert_eq!(letters(&lines.concat()), letters(text));
        }
    }
}
