//! The loop: input first, then what the gateway says, then at most one frame.
//!
//! A frame is drawn only when something has changed, at most 30 times a second; while nothing
//! changes the loop sleeps. It ends when the person quits, when it is told to, or when the terminal
//! goes away: the gateway serves on in the last case.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::input::Input;
use super::options::{Look, Options};
use super::state::{State, Tone};
use super::terminal::{self, Terminal};
use super::theme::{SHIPPED, load, shipped};
use super::update::{Effect, Message};
use super::view::{self, Drawn};
use super::{Exit, Host, Source};
use crate::base::{Clock, Mono};

/// How often the gateway is asked for its state.
const POLL: Duration = Duration::from_millis(250);

/// How often, for a moment after a command, so that its answer shows at once.
const EAGER: Duration = Duration::from_millis(30);

/// For how long.
const EAGER_FOR: Duration = Duration::from_secs(2);

/// The least time between two frames.
const FRAME: Duration = Duration::from_millis(33);

/// The longest sleep: a new size and the order to stop are seen within it.
const NAP: Duration = Duration::from_millis(100);

/// How many rows the wheel moves.
const WHEEL: i32 = 3;

/// Runs the dashboard on this thread until it ends. The terminal is as it was before, whatever
/// happens; a panic inside does not leave this function. `stop` ends it from outside.
pub fn run(
    source: &dyn Source,
    host: &mut dyn Host,
    options: &Options,
    clock: &Arc<dyn Clock>,
    stop: &AtomicBool,
) -> Exit {
    let guarded = catch_unwind(AssertUnwindSafe(|| {
        let terminal = Terminal::take(options.mouse, options.sync)?;
        Loop::new(source, options, clock, terminal).run(host, stop)
    }));
    terminal::restore();
    match guarded {
        Ok(Ok(exit)) => exit,
        Ok(Err(_gone)) => Exit::Detached,
        Err(panic) => Exit::Panicked(words(panic.as_ref())),
    }
}

/// What a panic said.
fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no reason was given".to_owned())
}

struct Loop<'a> {
    source: &'a dyn Source,
    clock: &'a dyn Clock,
    terminal: Terminal,
    look: Look,
    state: State,
    drawn: Drawn,
    dirty: bool,
    last_frame: Option<Mono>,
    next_poll: Mono,
    next_tick: Mono,
    eager_until: Mono,
}

impl<'a> Loop<'a> {
    fn new(
        source: &'a dyn Source,
        options: &Options,
        clock: &'a Arc<dyn Clock>,
        terminal: Terminal,
    ) -> Self {
        let clock = clock.as_ref();
        let now = clock.mono();
        let (look, warnings) = options.look();
        let mut state = State::new(source.snapshot(), now, options.mouse);
        state.theme = shipped(&look.theme.name);
        if let Some(warning) = warnings.first() {
            state.say(Tone::Bad, warning.clone());
        }
        Self {
            source,
            clock,
            terminal,
            look,
            state,
            drawn: Drawn::default(),
            dirty: true,
            last_frame: None,
            next_poll: now.after(POLL),
            next_tick: now,
            eager_until: Mono::ZERO,
        }
    }

    fn run(mut self, host: &mut dyn Host, stop: &AtomicBool) -> io::Result<Exit> {
        loop {
            if stop.load(Ordering::Relaxed) {
                return Ok(Exit::Stopped);
            }
            if self.terminal.resized()? {
                self.dirty = true;
            }
            let wait = self.wait();
            for input in self.terminal.wait(wait)? {
                if self.take(input, host)? {
                    return Ok(Exit::Quit);
                }
            }
            self.listen();
            if self.clock.mono() >= self.next_tick {
                self.update(Message::Tick);
            }
            self.frame()?;
        }
    }

    /// Takes one input in; whether it ends the dashboard.
    fn take(&mut self, input: Input, host: &mut dyn Host) -> io::Result<bool> {
        let Some(message) = self.message(input) else {
            return Ok(false);
        };
        for effect in self.update(message) {
            if self.perform(effect, host)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// How long nothing needs doing.
    fn wait(&self) -> Duration {
        let now = self.clock.mono();
        let mut until = self.next_poll.min(self.next_tick);
        if self.dirty {
            until = until.min(self.last_frame.map_or(now, |last| last.after(FRAME)));
        }
        now.until(until).min(NAP)
    }

    fn update(&mut self, message: Message) -> Vec<Effect> {
        self.dirty = true;
        self.state.update(message, self.clock.mono())
    }

    /// Takes a newer state and the answers in.
    fn listen(&mut self) {
        let now = self.clock.mono();
        if now < self.next_poll {
            return;
        }
        self.next_poll = now.after(if now < self.eager_until { EAGER } else { POLL });
        let snapshot = self.source.snapshot();
        if !Arc::ptr_eq(&snapshot, &self.state.latest) && snapshot.seq != self.state.latest.seq {
            self.update(Message::Snapshot(snapshot));
        }
        let replies = self.source.replies();
        if !replies.is_empty() {
            self.update(Message::Replies(replies));
        }
    }

    fn message(&self, input: Input) -> Option<Message> {
        Some(match input {
            Input::Key(key) => Message::Key(key),
            Input::Paste(text) => Message::Paste(text),
            Input::Click(x, y) => Message::Click(self.drawn.at(x, y)?),
            Input::Wheel(down) => Message::Wheel(if down { WHEEL } else { -WHEEL }),
        })
    }

    /// Does what the state asks for; whether that ends the dashboard.
    fn perform(&mut self, effect: Effect, host: &mut dyn Host) -> io::Result<bool> {
        match effect {
            Effect::Quit => return Ok(true),
            Effect::Send(ticket, command) => {
                self.source.send(ticket, command);
                let now = self.clock.mono();
                self.eager_until = now.after(EAGER_FOR);
                self.next_poll = now.after(EAGER);
            },
            Effect::EditConfig => {
                let edited = self.terminal.lend(|| host.edit_config())?;
                self.update(Message::Edited(edited));
            },
            Effect::Suspend => {
                let before = self.clock.mono();
                self.terminal.suspend()?;
                let stood = self.clock.mono().since(before);
                self.update(Message::Resumed(stood));
            },
            Effect::Mouse(on) => self.terminal.set_mouse(on)?,
            Effect::Redraw => self.terminal.redraw()?,
            Effect::Theme(place) => {
                let name = SHIPPED.get(place).map_or("", |(name, _)| name);
                self.look.theme = load(name, None, self.look.depth).theme;
            },
        }
        self.dirty = true;
        Ok(false)
    }

    /// Draws when something has changed and a frame is due.
    fn frame(&mut self) -> io::Result<()> {
        let now = self.clock.mono();
        let due = self.last_frame.is_none_or(|last| now >= last.after(FRAME));
        if !self.dirty || !due {
            return Ok(());
        }
        let Self {
            state, look, drawn, ..
        } = self;
        state.now = state.now.max(now);
        self.terminal.draw(|buffer| {
            *drawn = view::draw(buffer, state, &look.theme, look.glyphs);
            drawn.cursor
        })?;
        self.state.note(&self.drawn);
        self.dirty = false;
        self.last_frame = Some(now);
        self.next_tick = now.after(Duration::from_millis(self.state.next_change_ms()));
        Ok(())
    }
}
