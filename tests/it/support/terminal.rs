//! A real terminal for the real binary: a PTY with a screen behind it.
//!
//! Shows what a person would see, takes keys, changes size, hangs up, and tells afterwards whether
//! the terminal was left as it was found.

use std::fmt;
use std::io::{ErrorKind, Read, Write};
use std::num::NonZeroU16;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use vt100::{MouseProtocolMode, Parser};

use super::wait::{PATIENCE, wait_for};

/// A program on a terminal of its own.
pub struct Terminal {
    screen: Arc<Mutex<Parser>>,
    child: Box<dyn Child + Send + Sync>,
    keyboard: Option<Box<dyn Write + Send>>,
    master: Option<Box<dyn MasterPty + Send>>,
    reader: Option<JoinHandle<()>>,
    gone: Arc<AtomicBool>,
}

impl fmt::Debug for Terminal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.screen())
    }
}

impl Terminal {
    /// Runs a program with exactly this environment on a screen of so many columns and rows.
    pub fn run(
        argv: &[&str],
        env: &[(String, String)],
        folder: &Path,
        (cols, rows): (u16, u16),
    ) -> Self {
        let pty = native_pty_system().openpty(size(cols, rows)).unwrap();
        let mut command = CommandBuilder::new(argv[0]);
        command.args(&argv[1..]);
        command.env_clear();
        command.env("TERM", "xterm-256color");
        command.env("LANG", "C.UTF-8");
        for (name, value) in env {
            command.env(name, value);
        }
        command.cwd(folder);
        let child = pty.slave.spawn_command(command).unwrap();
        drop(pty.slave);
        let screen = Parser::new(nonzero(rows), nonzero(cols), 0);
        let screen = Arc::new(Mutex::new(screen));
        let mut output = pty.master.try_clone_reader().unwrap();
        let shown = Arc::clone(&screen);
        let gone = Arc::new(AtomicBool::new(false));
        let hung_up = Arc::clone(&gone);
        let reader = thread::spawn(move || {
            let mut space = [0; 8192];
            loop {
                match output.read(&mut space) {
                    Err(error) if error.kind() == ErrorKind::Interrupted => {},
                    // A closed terminal reads as an error here.
                    Ok(0) | Err(_) => return,
                    Ok(_) if hung_up.load(Ordering::Relaxed) => return,
                    Ok(n) => shown.lock().unwrap().process(&space[..n]),
                }
            }
        });
        let keyboard = Some(pty.master.take_writer().unwrap());
        Self {
            screen,
            child,
            keyboard,
            master: Some(pty.master),
            reader: Some(reader),
            gone,
        }
    }

    /// The screen as text, a line a row, without trailing blanks.
    pub fn screen(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }

    /// Waits until the screen shows this and gives the whole of it.
    #[track_caller]
    pub fn until_shows(&self, what: &str) -> String {
        self.until(what, |screen| screen.contains(what))
    }

    /// Waits until the screen is as wished and gives the whole of it.
    #[track_caller]
    pub fn until(&self, what: &str, wished: impl Fn(&str) -> bool) -> String {
        let look = || Some(self.screen()).filter(|screen| wished(screen));
        let began = super::wait::now();
        while began.elapsed() < PATIENCE {
            if let Some(screen) = look() {
                return screen;
            }
            super::wait::pause();
        }
        panic!("the screen never showed {what:?}:\n{}", self.screen())
    }

    /// Types this; escape sequences are keys.
    pub fn press(&mut self, keys: &str) {
        let keyboard = self.keyboard.as_mut().unwrap();
        keyboard.write_all(keys.as_bytes()).unwrap();
        keyboard.flush().unwrap();
    }

    /// Changes the size, which sends SIGWINCH.
    pub fn resize(&mut self, cols: u16, rows: u16) {
        let mut screen = self.screen.lock().unwrap();
        screen.set_size(nonzero(rows), nonzero(cols));
        drop(screen);
        let master = self.master.as_ref().unwrap();
        master.resize(size(cols, rows)).unwrap();
    }

    /// Closes the terminal's other end, as a lost connection or a closed window does. The program
    /// must draw once more for it: its size is changed.
    #[track_caller]
    pub fn hang_up(&mut self) {
        self.gone.store(true, Ordering::Relaxed);
        let (rows, cols) = self.screen.lock().unwrap().screen().size();
        self.resize(cols.get() - 1, rows.get());
        let reader = self.reader.take().unwrap();
        wait_for("the program to draw", PATIENCE, || {
            reader.is_finished().then_some(())
        });
        self.keyboard = None;
        self.master = None;
    }

    /// Is the program still there?
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Process id.
    pub fn pid(&self) -> u32 {
        self.child.process_id().unwrap()
    }

    /// Waits for its end and gives the exit code.
    #[track_caller]
    pub fn until_ended(&mut self) -> u32 {
        let what = "the program on the terminal to end";
        let status = wait_for(what, PATIENCE, || self.child.try_wait().unwrap());
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        status.exit_code()
    }

    /// What a program that ended has left wrong with the terminal; empty is good.
    pub fn left_wrong(&self) -> Vec<&'static str> {
        let parser = self.screen.lock().unwrap();
        let screen = parser.screen();
        let modes = self.master.as_ref().and_then(|master| master.get_termios());
        let flags = modes.map(|modes| format!("{:?}", modes.local_flags));
        let cooked = |flag| {
            let set = |flags: &String| {
                flags
                    .split(|c| !char::is_alphanumeric(c))
                    .any(|f| f == flag)
            };
            flags.as_ref().is_none_or(set)
        };
        let wrong = [
            (
                screen.alternate_screen(),
                "the alternate screen is still shown",
            ),
            (screen.hide_cursor(), "the cursor is still hidden"),
            (screen.bracketed_paste(), "pastes are still bracketed"),
            (
                screen.mouse_protocol_mode() != MouseProtocolMode::None,
                "the mouse is still captured",
            ),
            (!cooked("ICANON"), "lines are not edited"),
            (!cooked("ECHO"), "keys are not echoed"),
        ];
        wrong
            .into_iter()
            .filter_map(|(is, what)| is.then_some(what))
            .collect()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // It may end in between.
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}

fn size(cols: u16, rows: u16) -> PtySize {
    PtySize {
        rows,
        cols,
        ..PtySize::default()
    }
}

fn nonzero(n: u16) -> NonZeroU16 {
    NonZeroU16::new(n).unwrap()
}

#[cfg(test)]
mod tests {
    use super::Terminal;

    fn shell(script: &str) -> Terminal {
        let folder = std::env::temp_dir();
        Terminal::run(&["/bin/sh", "-c", script], &[], &folder, (40, 5))
    }

    #[test]
    fn shows_the_screen_takes_keys_and_tells_the_exit_code() {
        let mut terminal = shell("printf 'name? '; read n; echo \"hello $n\"; exit 3");
        terminal.until_shows("name?");
        terminal.press("Ann\r");
        terminal.until_shows("hello Ann");
        assert_eq!(terminal.until_ended(), 3);
        assert!(!terminal.is_running());
        assert!(terminal.left_wrong().is_empty());
    }

    #[test]
    fn tells_what_was_left_wrong() {
        let modes = "printf '\\033[?1049h\\033[?25l\\033[?2004h\\033[?1000h'; stty raw -echo";
        let mut terminal = shell(modes);
        terminal.until_ended();
        assert_eq!(
            terminal.left_wrong().len(),
            6,
            "{:?}",
            terminal.left_wrong()
        );
    }

    #[test]
    fn a_new_size_and_a_hang_up_reach_the_program() {
        let script = "trap 'stty size' WINCH; echo ready; while :; do sleep 0.01; done";
        let mut terminal = shell(script);
        terminal.until_shows("ready");
        terminal.resize(60, 7);
        terminal.until_shows("7 60");
        assert!(terminal.pid() > 1);
        terminal.hang_up();
        terminal.until_ended();
    }
}
