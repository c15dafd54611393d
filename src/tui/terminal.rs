//! The terminal itself: taking it over, giving it back in the right order, waiting for it, drawing.
//!
//! [`restore`] may be called from anywhere and any number of times: from a panic hook, a signal, the
//! end. Only this file writes to the terminal, and it reads it itself: see `input`.

use std::io::{self, BufWriter, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ratatui::backend::CrosstermBackend;
use ratatui::buffer::Buffer;
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::event::{DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste};
use ratatui::crossterm::style::{ResetColor, force_color_output};
use ratatui::crossterm::terminal::{
    BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen,
    LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::crossterm::{execute, queue};
use ratatui::layout::Rect;
use ratatui::{TerminalOptions, Viewport};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Signal, getpid, kill_process};
use rustix::termios::{QueueSelector, isatty, tcflush, tcgetwinsize};

use super::input::{Input, Parser};

/// Whether the terminal is ours now.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// How long a lone escape waits for the rest of a sequence.
const ESCAPE: Duration = Duration::from_millis(40);

/// How long a stop signal gets to stop us.
const STOP: Duration = Duration::from_millis(100);

/// Presses, releases and the wheel, as SGR. Crossterm's own also reports every motion, which would
/// wake the program for nothing.
const MOUSE_ON: &[u8] = b"\x1b[?1000h\x1b[?1006h";

/// The terminal as a stream of bytes, past the standard library's own buffer and lock: a restore
/// must not wait for a thread that hangs in a write.
#[derive(Debug)]
struct Tty {
    /// Write whether the terminal is ours or not: for the restore itself. Otherwise bytes go
    /// nowhere once it has been given back: ratatui shows the cursor when it is dropped, and prints
    /// to stderr when that fails.
    always: bool,
}

impl Write for Tty {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.always && !TAKEN.load(Ordering::SeqCst) {
            return Ok(bytes.len());
        }
        Ok(rustix::io::write(rustix::stdio::stdout(), bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Gives the terminal back: reports off first, so that none is echoed into the shell, then what was
/// typed ahead is dropped, then the screen, the mode and the cursor. Does nothing when the terminal
/// is not ours. Errors are passed over: there is nobody left to tell.
pub fn restore() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    let mut out = BufWriter::new(Tty { always: true });
    let quiet = queue!(out, DisableMouseCapture, DisableBracketedPaste).and_then(|()| out.flush());
    let drained = with_input(|fd| tcflush(fd, QueueSelector::IFlush));
    let left = queue!(out, EndSynchronizedUpdate, ResetColor, LeaveAlternateScreen)
        .and_then(|()| out.flush());
    let cooked = disable_raw_mode();
    let shown = execute!(out, Show);
    drop((quiet, drained, left, cooked, shown));
}

/// Does something with the terminal's input: stdin, or the controlling terminal.
fn with_input<T>(
    action: impl FnOnce(rustix::fd::BorrowedFd<'_>) -> rustix::io::Result<T>,
) -> io::Result<T> {
    if isatty(rustix::stdio::stdin()) {
        return Ok(action(rustix::stdio::stdin())?);
    }
    let tty = std::fs::File::open("/dev/tty")?;
    Ok(action(tty.as_fd())?)
}

type Screen = ratatui::Terminal<CrosstermBackend<BufWriter<Tty>>>;

/// The terminal while it is ours.
pub(crate) struct Terminal {
    screen: Screen,
    size: (u16, u16),
    /// The controlling terminal, when stdin is something else.
    tty: Option<OwnedFd>,
    parser: Parser,
    mouse: bool,
    sync: bool,
}

impl Terminal {
    /// Takes the terminal over.
    pub(crate) fn take(mouse: bool, sync: bool) -> io::Result<Self> {
        // NO_COLOR is obeyed by the theme; crossterm's own way of obeying it loses bold and reverse.
        force_color_output(true);
        let tty = if isatty(rustix::stdio::stdin()) {
            None
        } else {
            Some(std::fs::File::open("/dev/tty")?.into())
        };
        let size = size()?;
        let mut terminal = Self {
            screen: screen(size)?,
            size,
            tty,
            parser: Parser::default(),
            mouse,
            sync,
        };
        terminal.enter()?;
        Ok(terminal)
    }

    fn enter(&mut self) -> io::Result<()> {
        // From here on there is something to restore, whatever fails next.
        TAKEN.store(true, Ordering::SeqCst);
        enable_raw_mode()?;
        let out = self.screen.backend_mut();
        queue!(
            out,
            EnterAlternateScreen,
            EnableBracketedPaste,
            Hide,
            Clear(ClearType::All)
        )?;
        if self.mouse {
            out.write_all(MOUSE_ON)?;
        }
        Write::flush(out)
    }

    /// Hands the terminal over to somebody else for a while.
    pub(crate) fn lend<T>(&mut self, action: impl FnOnce() -> T) -> io::Result<T> {
        restore();
        let result = action();
        self.parser = Parser::default();
        self.enter()?;
        self.redraw()?;
        Ok(result)
    }

    /// Stops the whole program as ctrl-z would; returns when the shell continues it.
    pub(crate) fn suspend(&mut self) -> io::Result<()> {
        self.lend(|| {
            let sent = kill_process(getpid(), Signal::TSTP);
            // The signal may reach another thread first: do not take the terminal back before it works.
            pause(STOP);
            sent
        })?
        .map_err(io::Error::from)
    }

    /// Turns mouse reports on or off.
    pub(crate) fn set_mouse(&mut self, on: bool) -> io::Result<()> {
        self.mouse = on;
        let out = self.screen.backend_mut();
        if on {
            out.write_all(MOUSE_ON)?;
        } else {
            queue!(out, DisableMouseCapture)?;
        }
        Write::flush(out)
    }

    /// Forgets what is on the screen, so that the next frame is drawn whole.
    pub(crate) fn redraw(&mut self) -> io::Result<()> {
        self.size = size()?;
        self.screen = screen(self.size)?;
        queue!(self.screen.backend_mut(), Clear(ClearType::All))
    }

    /// Whether the size has changed since the last frame; prepares for the new one if so.
    pub(crate) fn resized(&mut self) -> io::Result<bool> {
        if size()? == self.size {
            return Ok(false);
        }
        self.redraw()?;
        Ok(true)
    }

    /// Draws a frame; `draw` returns where the cursor blinks.
    pub(crate) fn draw(
        &mut self,
        draw: impl FnOnce(&mut Buffer) -> Option<(u16, u16)>,
    ) -> io::Result<()> {
        if !TAKEN.load(Ordering::SeqCst) {
            return Err(io::Error::other("the terminal has been given back"));
        }
        if self.sync {
            queue!(self.screen.backend_mut(), BeginSynchronizedUpdate)?;
        }
        self.screen.draw(|frame| {
            if let Some(place) = draw(frame.buffer_mut()) {
                frame.set_cursor_position(place);
            }
        })?;
        if self.sync {
            queue!(self.screen.backend_mut(), EndSynchronizedUpdate)?;
        }
        Write::flush(self.screen.backend_mut())
    }

    /// Waits for input, at most so long; an error means the terminal is gone.
    pub(crate) fn wait(&mut self, timeout: Duration) -> io::Result<Vec<Input>> {
        let mut inputs = Vec::new();
        let mut wait = timeout;
        while self.readable(wait)? {
            let mut bytes = [0; 4096];
            let read = match self.tty.as_ref() {
                Some(tty) => rustix::io::read(tty, &mut bytes),
                None => rustix::io::read(rustix::stdio::stdin(), &mut bytes),
            };
            match read {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(length) => {
                    inputs.extend(self.parser.feed(bytes.get(..length).unwrap_or_default()));
                },
                Err(Errno::INTR | Errno::AGAIN) => {},
                Err(error) => return Err(error.into()),
            }
            if inputs.len() > 256 {
                return Ok(inputs);
            }
            wait = if self.parser.is_waiting() {
                ESCAPE
            } else {
                Duration::ZERO
            };
        }
        if self.parser.is_waiting() {
            inputs.extend(self.parser.flush());
        }
        Ok(inputs)
    }

    fn readable(&self, timeout: Duration) -> io::Result<bool> {
        let fd = match &self.tty {
            Some(tty) => tty.as_fd(),
            None => rustix::stdio::stdin(),
        };
        let mut fds = [PollFd::from_borrowed_fd(fd, PollFlags::IN)];
        match poll(&mut fds, Some(&timespec(timeout))) {
            Err(Errno::INTR) | Ok(0) => Ok(false),
            Err(error) => Err(error.into()),
            Ok(_) => {
                let [fd] = &fds;
                let events = fd.revents();
                if events.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) {
                    return Err(io::Error::other("the terminal is gone"));
                }
                Ok(events.contains(PollFlags::IN))
            },
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        restore();
    }
}

fn screen((width, height): (u16, u16)) -> io::Result<Screen> {
    // A fixed viewport: ratatui then asks neither for the size nor for the cursor on its own.
    let viewport = Viewport::Fixed(Rect::new(0, 0, width, height));
    let backend = CrosstermBackend::new(BufWriter::with_capacity(64 * 1024, Tty { always: false }));
    Screen::with_options(backend, TerminalOptions { viewport })
}

/// Columns and rows. A terminal that says zero is taken for 80 by 24.
fn size() -> io::Result<(u16, u16)> {
    let size = tcgetwinsize(rustix::stdio::stdout())?;
    Ok(if size.ws_col == 0 || size.ws_row == 0 {
        (80, 24)
    } else {
        (size.ws_col, size.ws_row)
    })
}

/// Waits without a file to wait for.
fn pause(time: Duration) {
    // A signal may end the wait early: nothing depends on its length.
    if poll(&mut [], Some(&timespec(time))).is_err() {}
}

fn timespec(time: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: time.subsec_nanos().into(),
    }
}
