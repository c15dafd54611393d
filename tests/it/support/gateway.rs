//! The real binary under test: started in a home of its own, watched, and ended.
//!
//! The environment is empty but for what a test sets. Dropping a [`Gateway`] ends the process and
//! fails the test when it ever panicked. Configs and databases live in a folder that goes with it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use super::client::{Answer, Ask, Stream};
use super::http1::find_bytes;
use super::terminal::Terminal;
use super::wait::{PATIENCE, now, pause, wait_for};

/// The program under test.
const BINARY: &str = env!("CARGO_BIN_EXE_pointsman");

/// How often a start is tried again when another process took the port in between.
const PORT_TRIES: usize = 5;

/// Ports given out in this test process; none is given twice.
static GIVEN: Mutex<Vec<u16>> = Mutex::new(Vec::new());

/// How a gateway is to be started.
#[derive(Debug)]
pub struct Builder {
    config: String,
    home: TempDir,
    env: BTreeMap<String, String>,
    args: Vec<String>,
    key: Option<String>,
    data: Option<PathBuf>,
}

/// How a gateway ended.
#[derive(Debug)]
pub struct Exit {
    /// Exit code, or the signal.
    pub status: ExitStatus,
    /// All it said.
    pub stderr: String,
}

/// A running gateway.
#[derive(Debug)]
pub struct Gateway {
    /// Where it listens.
    pub addr: SocketAddr,
    home: TempDir,
    child: Child,
    key: Option<String>,
    ended: bool,
}

/// A running gateway with its dashboard.
#[derive(Debug)]
pub struct OnTerminal {
    /// Where it listens.
    pub addr: SocketAddr,
    /// What a person sees and types.
    pub terminal: Terminal,
    home: TempDir,
    key: Option<String>,
}

impl OnTerminal {
    /// `POST path` with JSON.
    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        let ask = Ask::post(path, body);
        let ask = match &self.key {
            Some(key) => ask.key(key),
            None => ask,
        };
        ask.send(self.addr)
    }

    /// The folder with `config.yaml`, `data/` and whatever else the test put there.
    pub fn home(&self) -> &Path {
        self.home.path()
    }
}

impl Builder {
    /// With one more environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    /// With one more argument to `serve`.
    #[must_use]
    pub fn arg(mut self, arg: &str) -> Self {
        self.args.push(arg.to_owned());
        self
    }

    /// With this key in every request of the helpers below; the config must name it too.
    #[must_use]
    pub fn key(mut self, key: &str) -> Self {
        self.key = Some(key.to_owned());
        self
    }

    /// With this data folder instead of one of its own.
    #[must_use]
    pub fn data_dir(mut self, folder: &Path) -> Self {
        self.data = Some(folder.to_owned());
        self
    }

    /// With another file beside the config, such as `.env`.
    #[must_use]
    pub fn file(self, name: &str, text: &str) -> Self {
        fs::write(self.home.path().join(name), text).unwrap();
        self
    }

    /// Starts it and waits until it is alive.
    #[track_caller]
    pub fn start(self) -> Gateway {
        self.try_start()
            .map_err(|exit| format!("{}\n{}", exit.status, exit.stderr))
            .unwrap()
    }

    /// Starts it; an end before it is alive is the error.
    #[track_caller]
    pub fn try_start(self) -> Result<Gateway, Exit> {
        fs::write(self.home.path().join("config.yaml"), &self.config).unwrap();
        let mut tries = 1;
        loop {
            match self.once() {
                Ok((addr, child)) => {
                    let Self { home, key, .. } = self;
                    return Ok(Gateway {
                        addr,
                        home,
                        child,
                        key,
                        ended: false,
                    });
                },
                Err(exit) if tries < PORT_TRIES && lost_its_port(&exit) => tries += 1,
                Err(exit) => return Err(exit),
            }
        }
    }

    /// Runs it with its dashboard on a terminal of so many columns and rows, and waits until it
    /// is alive.
    #[track_caller]
    pub fn on_terminal(self, size: (u16, u16)) -> OnTerminal {
        fs::write(self.home.path().join("config.yaml"), &self.config).unwrap();
        let addr = free_port();
        let arguments = self.arguments(addr);
        let mut argv = vec![BINARY];
        argv.extend(arguments.iter().map(String::as_str));
        let mut terminal = Terminal::run(&argv, &self.environment(), self.home.path(), size);
        wait_for("the gateway with dashboard to be alive", PATIENCE, || {
            assert!(terminal.is_running(), "it ended:\n{}", terminal.screen());
            is_alive(addr).then_some(())
        });
        let Self { home, key, .. } = self;
        OnTerminal {
            addr,
            terminal,
            home,
            key,
        }
    }

    fn arguments(&self, addr: SocketAddr) -> Vec<String> {
        let home = self.home.path();
        let mut arguments = ["--host", "127.0.0.1", "--port"]
            .map(str::to_owned)
            .to_vec();
        arguments.push(addr.port().to_string());
        let data = self.data.clone().unwrap_or_else(|| home.join("data"));
        for (option, path) in [("-c", home.join("config.yaml")), ("--data-dir", data)] {
            arguments.push(option.to_owned());
            arguments.push(path.to_string_lossy().into_owned());
        }
        arguments.extend(self.args.iter().cloned());
        arguments
    }

    fn environment(&self) -> Vec<(String, String)> {
        let home = self.home.path();
        let folders = [
            ("HOME", ""),
            ("XDG_CONFIG_HOME", "xdg-config"),
            ("XDG_DATA_HOME", "xdg-data"),
            ("XDG_STATE_HOME", "xdg-state"),
        ];
        let folders = folders.map(|(name, folder)| (name, home.join(folder)));
        let folders = folders.map(|(name, path)| (name, path.to_string_lossy().into_owned()));
        let plain = [("TZ", "UTC"), ("RUST_BACKTRACE", "1")];
        let plain = plain.map(|(name, value)| (name, value.to_owned()));
        let given = self
            .env
            .iter()
            .map(|(name, value)| (name.as_str(), value.clone()));
        let all = folders.into_iter().chain(plain).chain(given);
        all.map(|(name, value)| (name.to_owned(), value)).collect()
    }

    #[track_caller]
    fn once(&self) -> Result<(SocketAddr, Child), Exit> {
        let home = self.home.path();
        let addr = free_port();
        let stderr = File::create(home.join("stderr")).unwrap();
        let mut child = Command::new(BINARY)
            .arg("serve")
            .args(self.arguments(addr))
            .env_clear()
            .envs(self.environment())
            .current_dir(home)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stderr)
            .spawn()
            .unwrap();
        let began = now();
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return Err(Exit {
                    status,
                    stderr: read(home),
                });
            }
            if is_alive(addr) {
                return Ok((addr, child));
            }
            if began.elapsed() > PATIENCE {
                child.kill().unwrap();
                let status = child.wait().unwrap();
                return Err(Exit {
                    status,
                    stderr: format!("never alive\n{}", read(home)),
                });
            }
            pause();
        }
    }
}

impl Gateway {
    /// To be started with this config.
    pub fn builder(config: &str) -> Builder {
        let home = tempfile::Builder::new()
            .prefix("pointsman-test-")
            .tempdir()
            .unwrap();
        let (env, args) = (BTreeMap::new(), Vec::new());
        Builder {
            config: config.to_owned(),
            home,
            env,
            args,
            key: None,
            data: None,
        }
    }

    /// Started with this config and nothing else.
    #[track_caller]
    pub fn start(config: &str) -> Self {
        Self::builder(config).start()
    }

    /// `GET path`.
    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        self.with_key(Ask::get(path)).send(self.addr)
    }

    /// `POST path` with JSON.
    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.with_key(Ask::post(path, body)).send(self.addr)
    }

    /// `POST path` with JSON; the answer is read as it comes.
    #[track_caller]
    pub fn stream(&self, path: &str, body: &Value) -> Stream {
        self.with_key(Ask::post(path, body)).open(self.addr)
    }

    /// The request with the key given to the builder.
    pub fn with_key(&self, ask: Ask) -> Ask {
        match &self.key {
            Some(key) => ask.key(key),
            None => ask,
        }
    }

    /// The folder with `config.yaml`, `data/` and whatever else the test put there.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The ledger's file.
    pub fn ledger(&self) -> PathBuf {
        self.home().join("data/pointsman.db")
    }

    /// Replaces the config as editors do: a new file, renamed over the old one.
    pub fn write_config(&self, text: &str) {
        let new = self.home().join("config.yaml.new");
        fs::write(&new, text).unwrap();
        fs::rename(new, self.home().join("config.yaml")).unwrap();
    }

    /// The rows of a query on the ledger, each column as JSON.
    #[track_caller]
    pub fn sqlite(&self, query: &str) -> Vec<Vec<Value>> {
        self.try_sqlite(query).unwrap()
    }

    /// As [`Gateway::sqlite`]; the file may not be there yet.
    pub fn try_sqlite(&self, query: &str) -> rusqlite::Result<Vec<Vec<Value>>> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
        let ledger = Connection::open_with_flags(self.ledger(), flags)?;
        ledger.busy_timeout(PATIENCE)?;
        let mut query = ledger.prepare(query)?;
        let columns = query.column_count();
        let row = |row: &rusqlite::Row<'_>| {
            (0..columns)
                .map(|i| row.get_ref(i).map(as_json))
                .collect::<Result<Vec<Value>, _>>()
        };
        query.query_map([], row)?.collect()
    }

    /// Waits until a query gives exactly so many rows.
    #[track_caller]
    pub fn until_rows(&self, query: &str, n: usize) -> Vec<Vec<Value>> {
        wait_for(&format!("{n} rows of {query}"), PATIENCE, || {
            self.try_sqlite(query).ok().filter(|rows| rows.len() == n)
        })
    }

    /// Files below its home, log and databases included, that hold these bytes.
    pub fn files_with(&self, secret: &str) -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec![self.home().to_owned()];
        while let Some(folder) = folders.pop() {
            for path in fs::read_dir(folder)
                .unwrap()
                .map(|entry| entry.unwrap().path())
            {
                if path.is_dir() {
                    folders.push(path);
                } else if find_bytes(&fs::read(&path).unwrap_or_default(), secret.as_bytes())
                    .is_some()
                {
                    let short = path.strip_prefix(self.home()).unwrap();
                    found.push(short.to_string_lossy().into_owned());
                }
            }
        }
        found.sort();
        found
    }

    /// All it said so far.
    pub fn stderr(&self) -> String {
        read(self.home())
    }

    /// Waits until it has said this.
    #[track_caller]
    pub fn until_said(&self, what: &str) -> String {
        wait_for(&format!("the log to say {what:?}"), PATIENCE, || {
            Some(self.stderr()).filter(|said| said.contains(what))
        })
    }

    /// Process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Open sockets of the process, where `/proc` tells.
    pub fn open_sockets(&self) -> Option<usize> {
        let folder = fs::read_dir(format!("/proc/{}/fd", self.pid())).ok()?;
        let links = folder.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
        Some(
            links
                .filter(|link| link.to_string_lossy().starts_with("socket:"))
                .count(),
        )
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid())
            .ok()
            .and_then(Pid::from_raw)
            .unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// SIGTERM, then waits for the end.
    #[track_caller]
    pub fn stop(mut self) -> Exit {
        self.signal(Signal::TERM);
        let status = wait_for("the gateway to end after SIGTERM", PATIENCE, || {
            self.child.try_wait().unwrap()
        });
        self.ended = true;
        Exit {
            status,
            stderr: self.stderr(),
        }
    }

    /// SIGKILL; the home stays for a look at what is left.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.ended = true;
    }

    fn end(&mut self) {
        if self.ended {
            return;
        }
        self.signal(Signal::TERM);
        let began = now();
        // Open streams may be drained for longer than a test wants to wait.
        while began.elapsed() < Duration::from_secs(3) {
            if self.child.try_wait().unwrap().is_some() {
                return;
            }
            pause();
        }
        self.kill();
    }
}

impl Drop for Gateway {
    #[expect(
        clippy::print_stderr,
        reason = "shown by the test runner when the test fails"
    )]
    fn drop(&mut self) {
        self.end();
        let stderr = self.stderr();
        if thread::panicking() {
            eprintln!("--- stderr of the gateway ---\n{stderr}");
        } else {
            assert!(
                !stderr.contains("panicked"),
                "the gateway panicked:\n{stderr}"
            );
        }
    }
}

impl Exit {
    /// The exit code; a signal's number is negative.
    pub fn code(&self) -> i32 {
        let signal = self.status.signal().map(|signal| -signal);
        self.status.code().or(signal).unwrap_or(i32::MIN)
    }
}

fn is_alive(addr: SocketAddr) -> bool {
    let ask = Ask::get("/health/liveliness").patience(Duration::from_secs(1));
    ask.try_send(addr).is_ok_and(|answer| answer.status == 200)
}

fn read(home: &Path) -> String {
    let bytes = fs::read(home.join("stderr")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn lost_its_port(exit: &Exit) -> bool {
    ["in use", "taken"]
        .iter()
        .any(|words| exit.stderr.contains(words))
}

fn free_port() -> SocketAddr {
    loop {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let addr = listener.local_addr().unwrap();
        let mut given = GIVEN.lock().unwrap();
        if !given.contains(&addr.port()) {
            given.push(addr.port());
            return addr;
        }
    }
}

fn as_json(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(n) => n.into(),
        ValueRef::Real(x) => x.into(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into(),
        ValueRef::Blob(bytes) => bytes.to_vec().into(),
    }
}
