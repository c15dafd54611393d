//! The contract of every shipped theme: complete, readable, and no two states alike.

use ratatui::style::{Color, Modifier};

use super::*;

const STATES: [Role; 6] = [
    Role::Up,
    Role::Probing,
    Role::Cooling,
    Role::Down,
    Role::Draining,
    Role::Off,
];

fn rgb(color: Option<Color>) -> (u8, u8, u8) {
    match color {
        Some(Color::Rgb(red, green, blue)) => (red, green, blue),
        other => panic!("not a true colour: {other:?}"),
    }
}

#[test]
fn every_shipped_theme_is_clean_in_every_depth() {
    for (name, _) in SHIPPED {
        for depth in [Depth::Mono, Depth::Ansi16, Depth::Ansi256, Depth::True] {
            let loaded = load(name, None, depth);
            assert_eq!(loaded.warnings, Vec::<String>::new(), "{name} {depth:?}");
            assert_eq!(loaded.theme.name, name);
        }
    }
}

#[test]
fn text_and_states_are_readable() {
    for (name, _) in SHIPPED {
        let theme = load(name, None, Depth::True).theme;
        let background = rgb(theme.style(Role::Background).bg);
        let selection = rgb(theme.style(Role::Selection).bg);
        let readable = [
            Role::Text,
            Role::Muted,
            Role::Heading,
            Role::Brand,
            Role::Accent,
            Role::Key,
            Role::Match,
            Role::Info,
            Role::Warn,
            Role::Error,
            Role::Cost,
            Role::TokensIn,
            Role::TokensOut,
            Role::TokensCached,
            Role::Faint,
        ];
        for role in readable.into_iter().chain(STATES) {
            let color = rgb(theme.style(role).fg);
            let plain = luminance_contrast(color, background);
            assert!(
                plain >= 4.5,
                "{name}: {} has {plain:.2} on the background",
                role.name()
            );
            let chosen = luminance_contrast(color, selection);
            assert!(
                chosen >= 3.0,
                "{name}: {} has {chosen:.2} on the selection",
                role.name()
            );
        }
        let toast = theme.style(Role::Toast);
        assert!(
            luminance_contrast(rgb(toast.fg), rgb(toast.bg)) >= 4.5,
            "{name}: toast"
        );
    }
}

/// What a person without one kind of cone sees (Machado 2009, severity 1, on linear light).
fn simulate((red, green, blue): (u8, u8, u8), matrix: [[f64; 3]; 3]) -> (u8, u8, u8) {
    let linear = |channel: u8| {
        let value = f64::from(channel) / 255.0;
        if value <= 0.04045 {
            value / 12.92
        } else {
            ((value + 0.055) / 1.055).powf(2.4)
        }
    };
    let light = [linear(red), linear(green), linear(blue)];
    let back = |row: [f64; 3]| {
        let value: f64 = row
            .iter()
            .zip(light)
            .map(|(a, b)| a * b)
            .sum::<f64>()
            .clamp(0.0, 1.0);
        let coded = if value <= 0.003_130_8 {
            value * 12.92
        } else {
            1.055 * value.powf(1.0 / 2.4) - 0.055
        };
        u8::try_from(crate::tui::format::index((coded * 255.0).round())).expect("at most 255")
    };
    (back(matrix[0]), back(matrix[1]), back(matrix[2]))
}

#[test]
fn states_can_be_told_apart_with_any_eyes() {
    const KINDS: [(&str, [[f64; 3]; 3]); 4] = [
        (
            "normal",
            [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        ),
        (
            "protanopia",
            [
                [0.152_286, 1.052_583, -0.204_868],
                [0.114_503, 0.786_281, 0.099_216],
                [-0.003_882, -0.048_116, 1.051_998],
            ],
        ),
        (
            "deuteranopia",
            [
                [0.367_322, 0.860_646, -0.227_968],
                [0.280_085, 0.672_501, 0.047_413],
                [-0.011_820, 0.042_940, 0.968_881],
            ],
        ),
        (
            "tritanopia",
            [
                [1.255_528, -0.076_749, -0.178_779],
                [-0.078_411, 0.930_809, 0.147_602],
                [0.004_733, 0.691_367, 0.303_900],
            ],
        ),
    ];
    // Draining and off are calm states; these four must never be mistaken.
    let loud = [Role::Up, Role::Probing, Role::Cooling, Role::Down];
    for (name, _) in SHIPPED {
        let theme = load(name, None, Depth::True).theme;
        for (kind, matrix) in KINDS {
            for (place, one) in loud.iter().enumerate() {
                for other in &loud[place + 1..] {
                    let a = simulate(rgb(theme.style(*one).fg), matrix);
                    let b = simulate(rgb(theme.style(*other).fg), matrix);
                    let apart = distance(a, b);
                    assert!(
                        apart >= 9.0,
                        "{name}, {kind}: {} and {} are {apart:.1} apart",
                        one.name(),
                        other.name()
                    );
                }
            }
        }
    }
}

#[test]
fn all_six_states_have_colours_of_their_own() {
    for (name, _) in SHIPPED {
        for depth in [Depth::Ansi16, Depth::Ansi256, Depth::True] {
            let theme = load(name, None, depth).theme;
            for (place, one) in STATES.iter().enumerate() {
                for other in &STATES[place + 1..] {
                    assert_ne!(
                        theme.style(*one).fg,
                        theme.style(*other).fg,
                        "{name} {depth:?}: {} and {}",
                        one.name(),
                        other.name()
                    );
                }
            }
        }
    }
}

#[test]
fn mono_sets_no_colour_at_all_and_still_shows_the_selection() {
    for (name, _) in SHIPPED {
        let theme = load(name, None, Depth::Mono).theme;
        for role in Role::ALL {
            let style = theme.style(*role);
            assert_eq!(
                (style.fg, style.bg),
                (None, None),
                "{name}: {}",
                role.name()
            );
        }
        assert!(
            theme
                .style(Role::Selection)
                .add_modifier
                .contains(Modifier::REVERSED)
        );
        assert_ne!(
            theme.style(Role::Down).add_modifier,
            theme.style(Role::Up).add_modifier
        );
    }
}

#[test]
fn a_small_file_inherits_the_rest() {
    let file = "pointsman_theme: 1\nname: mine\nextends: light\npalette: {x: '#010203'}\nroles:\n  state: x\n  accent: state.up\n  chart.series: [x]\n";
    let loaded = load("mine", Some(file), Depth::True);
    assert_eq!(loaded.warnings, Vec::<String>::new());
    let light = load("light", None, Depth::True).theme;
    assert_eq!(
        loaded.theme.style(Role::Series1).fg,
        Some(Color::Rgb(1, 2, 3))
    );
    assert_eq!(
        loaded.theme.style(Role::Series2),
        light.style(Role::Series2)
    );
    assert_eq!(
        loaded.theme.style(Role::Accent).fg,
        light.style(Role::Up).fg
    );
    assert_eq!(loaded.theme.style(Role::Text), light.style(Role::Text));
}

#[test]
fn a_bad_file_is_a_warning_and_the_default_theme() {
    let dark = load("dark", None, Depth::True).theme;
    let cases = [
        ("", "pointsman_theme"),
        ("pointsman_theme: 2", "another version"),
        ("pointsman_theme: [", "theme `x`"),
        (
            "pointsman_theme: 1\nname: x\nroles: {sparkle: '#010203'}",
            "role `sparkle`",
        ),
        (
            "pointsman_theme: 1\nname: x\nroles: {accent: blurple}",
            "colour `blurple`",
        ),
        (
            "pointsman_theme: 1\nname: x\nroles: {accent: {fg: '#010203', add: [blink]}}",
            "attribute `blink`",
        ),
        (
            "pointsman_theme: 1\nname: x\npalette: {a: b, b: a}\nroles: {accent: a}",
            "refers to itself",
        ),
        (
            "pointsman_theme: 1\nname: x\nextends: nowhere",
            "extends `nowhere`",
        ),
        (
            "pointsman_theme: 1\nname: x\nroels: {}",
            "`roels` means nothing",
        ),
    ];
    for (file, expected) in cases {
        let loaded = load("x", Some(file), Depth::True);
        let said = loaded.warnings.join("\n");
        assert!(said.contains(expected), "{file:?}: {said:?}");
        assert_eq!(
            loaded.theme.style(Role::Text),
            dark.style(Role::Text),
            "{file:?}"
        );
    }
    assert!(load("nowhere", None, Depth::True).warnings[0].contains("pointsman-dark"));
}
