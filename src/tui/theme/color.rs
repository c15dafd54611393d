//! Colour arithmetic: reading `#rrggbb`, the nearest of 256 and of 16, contrast, distance.
//!
//! Pure. Distances are taken in `OKLab`, where equal steps look equal.

use ratatui::style::Color;

/// `#rrggbb` as numbers.
pub(crate) fn parse_hex(text: &str) -> Option<(u8, u8, u8)> {
    let digits = text.strip_prefix('#')?;
    if digits.len() != 6 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let value = u32::from_str_radix(digits, 16).ok()?;
    let [_, red, green, blue] = value.to_be_bytes();
    Some((red, green, blue))
}

/// A colour as `#rrggbb`, with `fallback` for the terminal's own.
pub(crate) fn hex(color: Color, fallback: &str) -> String {
    let (red, green, blue) = match color {
        Color::Rgb(red, green, blue) => (red, green, blue),
        Color::Indexed(index) => of_index(index),
        Color::Reset => return fallback.to_owned(),
        named => of_index(
            ANSI.iter()
                .position(|(_, one)| *one == named)
                .map_or(7, |place| u8::try_from(place).unwrap_or(7)),
        ),
    };
    format!("#{red:02x}{green:02x}{blue:02x}")
}

/// The sixteen names of a terminal's palette, in the order of their numbers.
pub(crate) const ANSI: [(&str, Color); 16] = [
    ("black", Color::Black),
    ("red", Color::Red),
    ("green", Color::Green),
    ("yellow", Color::Yellow),
    ("blue", Color::Blue),
    ("magenta", Color::Magenta),
    ("cyan", Color::Cyan),
    ("gray", Color::Gray),
    ("darkgray", Color::DarkGray),
    ("lightred", Color::LightRed),
    ("lightgreen", Color::LightGreen),
    ("lightyellow", Color::LightYellow),
    ("lightblue", Color::LightBlue),
    ("lightmagenta", Color::LightMagenta),
    ("lightcyan", Color::LightCyan),
    ("white", Color::White),
];

/// What xterm shows for its first sixteen; real terminals differ, so this is only a guide.
const XTERM: [(u8, u8, u8); 16] = [
    (0, 0, 0),
    (205, 0, 0),
    (0, 205, 0),
    (205, 205, 0),
    (0, 0, 238),
    (205, 0, 205),
    (0, 205, 205),
    (229, 229, 229),
    (127, 127, 127),
    (255, 0, 0),
    (0, 255, 0),
    (255, 255, 0),
    (92, 92, 255),
    (255, 0, 255),
    (0, 255, 255),
    (255, 255, 255),
];

const CUBE: [u8; 6] = [0, 95, 135, 175, 215, 255];

fn of_index(index: u8) -> (u8, u8, u8) {
    if let Some(rgb) = XTERM.get(usize::from(index)) {
        return *rgb;
    }
    if index >= 232 {
        let gray = 8 + (index - 232) * 10;
        return (gray, gray, gray);
    }
    let rest = usize::from(index) - 16;
    (CUBE[rest / 36], CUBE[rest / 6 % 6], CUBE[rest % 6])
}

/// The nearest of the 240 fixed ones among the 256.
pub(crate) fn nearest_256(rgb: (u8, u8, u8)) -> Color {
    let best = (16..=255_u8)
        .min_by(|a, b| distance(of_index(*a), rgb).total_cmp(&distance(of_index(*b), rgb)));
    Color::Indexed(best.unwrap_or(16))
}

/// The nearest of the sixteen, as xterm shows them.
pub(crate) fn nearest_16(rgb: (u8, u8, u8)) -> Color {
    let best = (0..16).min_by(|a: &usize, b: &usize| {
        distance(XTERM[*a], rgb).total_cmp(&distance(XTERM[*b], rgb))
    });
    ANSI[best.unwrap_or(7)].1
}

/// One channel of sRGB as light.
fn linear(channel: u8) -> f64 {
    let value = f64::from(channel) / 255.0;
    if value <= 0.040_45 {
        value / 12.92
    } else {
        ((value + 0.055) / 1.055).powf(2.4)
    }
}

/// WCAG contrast of two colours, 1 to 21.
#[cfg(test)]
pub(crate) fn luminance_contrast(one: (u8, u8, u8), other: (u8, u8, u8)) -> f64 {
    let light = |(red, green, blue): (u8, u8, u8)| {
        0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
    };
    let (a, b) = (light(one), light(other));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// How different two colours look: `OKLab` distance times 100.
pub(crate) fn distance(one: (u8, u8, u8), other: (u8, u8, u8)) -> f64 {
    let (a, b) = (oklab(one), oklab(other));
    let square = |x: f64, y: f64| (x - y) * (x - y);
    100.0 * (square(a.0, b.0) + square(a.1, b.1) + square(a.2, b.2)).sqrt()
}

fn oklab((red, green, blue): (u8, u8, u8)) -> (f64, f64, f64) {
    let light = [linear(red), linear(green), linear(blue)];
    let mix = |row: [f64; 3]| -> f64 { row.iter().zip(light).map(|(a, b)| a * b).sum() };
    let long = mix([0.412_221_470_8, 0.536_332_536_3, 0.051_445_992_9]).cbrt();
    let middle = mix([0.211_903_498_2, 0.680_699_545_1, 0.107_396_956_6]).cbrt();
    let short = mix([0.088_302_461_9, 0.281_718_837_6, 0.629_978_700_5]).cbrt();
    (
        0.210_454_255_3 * long + 0.793_617_785_0 * middle - 0.004_072_046_8 * short,
        1.977_998_495_1 * long - 2.428_592_205_0 * middle + 0.450_593_709_9 * short,
        0.025_904_037_1 * long + 0.782_771_766_2 * middle - 0.808_675_766_0 * short,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_is_read_strictly() {
        assert_eq!(parse_hex("#14171c"), Some((0x14, 0x17, 0x1c)));
        for bad in ["14171c", "#14171", "#14171cc", "#+4171c", "#gg171c", ""] {
            assert_eq!(parse_hex(bad), None, "{bad}");
        }
        assert_eq!(hex(Color::Rgb(1, 2, 255), "x"), "#0102ff");
        assert_eq!(hex(Color::Reset, "x"), "x");
        assert_eq!(hex(Color::LightRed, "x"), "#ff0000");
    }

    #[test]
    fn contrast_and_distance_have_the_known_ends() {
        let (black, white) = ((0, 0, 0), (255, 255, 255));
        assert!((luminance_contrast(black, white) - 21.0).abs() < 0.01);
        assert!((distance(black, white) - 100.0).abs() < 0.1);
        assert!(distance(black, black) < 1e-9);
    }

    #[test]
    fn the_nearest_is_itself_where_it_exists() {
        assert_eq!(nearest_256((0, 95, 135)), Color::Indexed(24));
        assert_eq!(nearest_256((8, 8, 8)), Color::Indexed(232));
        assert_eq!(nearest_16((205, 0, 0)), Color::Red);
    }
}
