//! Pictures of the dashboard for the README, drawn from the demo's real state.
//!
//! `pointsman demo --pictures DIR` lets the demo run for a while, stops one of its servers so that
//! there is something to see, and writes a screen each as SVG.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::app::commands::Hands;
use crate::app::snapshot::Desk;
use crate::control::Command;
use crate::tui::{self, Picture, Tab};

/// How long the demo runs before a server is stopped.
const WARM_UP: Duration = Duration::from_secs(75);
/// How long after that the pictures are taken.
const OUTAGE: Duration = Duration::from_secs(12);

/// What is drawn: file, screen, size, theme.
const SHOTS: &[(&str, Tab, (u16, u16), &str)] = &[
    ("dashboard.svg", Tab::Overview, (160, 50), "pointsman-dark"),
    (
        "dashboard-light.svg",
        Tab::Overview,
        (160, 50),
        "pointsman-light",
    ),
    (
        "dashboard-80x24.svg",
        Tab::Overview,
        (80, 24),
        "pointsman-dark",
    ),
    ("requests.svg", Tab::Requests, (120, 40), "pointsman-dark"),
    ("backends.svg", Tab::Backends, (120, 40), "pointsman-dark"),
];

/// Waits for something to show and writes all pictures into a folder.
///
/// # Errors
/// A file cannot be written.
pub async fn take(desk: &Desk, hands: &Hands, folder: &Path) -> anyhow::Result<()> {
    tokio::time::sleep(WARM_UP).await;
    let first = desk
        .snapshot()
        .backends
        .first()
        .map(|backend| backend.id.clone());
    if let Some(backend) = first {
        hands
            .run(
                0,
                Command::SetSimulated {
                    backend,
                    running: false,
                },
            )
            .await;
    }
    tokio::time::sleep(OUTAGE).await;
    let snapshot = Arc::new(desk.snapshot());
    std::fs::create_dir_all(folder)?;
    for (file, tab, size, theme) in SHOTS {
        let picture = Picture {
            tab: *tab,
            size: *size,
            theme: (*theme).to_owned(),
            selected: None,
        };
        std::fs::write(
            folder.join(file),
            tui::picture(Arc::clone(&snapshot), &picture),
        )?;
    }
    Ok(())
}
