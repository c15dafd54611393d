//! What is measured: no proxy at all, nginx as a plain one, and the gateway.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::allocations;
use crate::http;
use crate::mock::{Counts, Manner};
use crate::now;
use crate::options::Options;
use crate::process::{self, GATEWAY_CORE, LOAD_CORE, Owned};

/// The key of every client.
pub(crate) const KEY: &str = "sk-bench-7c1f0e6b2d9a4f58";

/// How long a process may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// The mock model server.
#[derive(Debug)]
pub(crate) struct Mock {
    _process: Owned,
    /// Where it listens.
    pub(crate) addr: SocketAddr,
}

impl Mock {
    /// Starts it on the core of the load.
    pub(crate) fn start() -> Result<Self> {
        let mut child = process::pinned(LOAD_CORE, std::env::current_exe()?)
            .arg("mock")
            .stdout(Stdio::piped())
            .spawn()
            .context("starting the mock")?;
        let mut line = Vec::new();
        let stdout = child.stdout.as_mut().context("no stdout")?;
        let mut byte = [0];
        while stdout.read(&mut byte)? == 1 && byte != *b"\n" {
            line.extend(byte);
        }
        let port: u16 = str::from_utf8(&line)?.parse().context("port of the mock")?;
        Ok(Self {
            _process: Owned(child),
            addr: ([127, 0, 0, 1], port).into(),
        })
    }

    /// Tells it how to answer from now on.
    pub(crate) fn behave(&self, manner: Manner) -> Result<()> {
        ask(
            self.addr,
            "POST",
            "/bench/set",
            &serde_json::to_string(&manner)?,
        )
        .map(drop)
    }

    /// Its numbers since the last call.
    pub(crate) fn counts(&self) -> Result<Counts> {
        let (_, body) = ask(self.addr, "GET", "/bench/counts", "")?;
        Ok(serde_json::from_str(&body)?)
    }
}

/// Something that answers requests.
#[derive(Debug)]
pub(crate) struct Target {
    /// `direct`, `nginx` or `pointsman`.
    pub(crate) name: &'static str,
    /// Where it listens.
    pub(crate) addr: SocketAddr,
    /// Its processes.
    pub(crate) pids: Vec<u32>,
    /// From exec to the first good answer.
    pub(crate) start_ms: f64,
    /// Answers it gave until then, that one included.
    pub(crate) answers: usize,
    /// Its folder, where it has one.
    pub(crate) home: PathBuf,
    process: Option<Owned>,
}

impl Target {
    /// The mock itself.
    pub(crate) fn direct(mock: &Mock) -> Self {
        let (name, pids, home) = ("direct", Vec::new(), PathBuf::new());
        Self {
            name,
            addr: mock.addr,
            pids,
            start_ms: 0.0,
            answers: 0,
            home,
            process: None,
        }
    }

    /// nginx, when it is installed.
    pub(crate) fn nginx(mock: &Mock, home: &Path) -> Result<Option<Self>> {
        let Some(program) = process::find_program("nginx") else {
            return Ok(None);
        };
        fs::create_dir_all(home)?;
        let addr = free_port()?;
        let config = home.join("nginx.conf");
        fs::write(&config, nginx_config(mock.addr, addr, home))?;
        let mut command = process::pinned(GATEWAY_CORE, program);
        command
            .arg("-e")
            .arg(home.join("error.log"))
            .arg("-p")
            .arg(home);
        command.arg("-c").arg(config);
        Self::launch("nginx", addr, home, command).map(Some)
    }

    /// The gateway, with ledger, routing and key on.
    pub(crate) fn pointsman(mock: &Mock, home: &Path, options: &Options) -> Result<Self> {
        Self::gateway(mock, home, process::pinned(GATEWAY_CORE, &options.bin))
    }

    /// The gateway inside this program, counting its allocations.
    pub(crate) fn counted(mock: &Mock, home: &Path) -> Result<Self> {
        let mut command = process::pinned(GATEWAY_CORE, std::env::current_exe()?);
        command.arg("gateway").arg(home.join(allocations::FILE));
        Self::gateway(mock, home, command)
    }

    fn gateway(mock: &Mock, home: &Path, mut command: Command) -> Result<Self> {
        fs::create_dir_all(home)?;
        let addr = free_port()?;
        let config = home.join("config.yaml");
        fs::write(&config, gateway_config(mock.addr))?;
        command.arg("serve").arg("-c").arg(config);
        command.args(["--host", "127.0.0.1", "--port", &addr.port().to_string()]);
        command.arg("--data-dir").arg(home.join("data"));
        command
            .env("HOME", home)
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("XDG_DATA_HOME");
        Self::launch("pointsman", addr, home, command)
    }

    fn launch(
        name: &'static str,
        addr: SocketAddr,
        home: &Path,
        mut command: Command,
    ) -> Result<Self> {
        let log = home.join("stderr");
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?);
        let began = now();
        let mut process = Owned(
            command
                .spawn()
                .with_context(|| format!("starting {name}"))?,
        );
        let body = r#"{"model":"bench","messages":[{"role":"user","content":"hi"}]}"#;
        let mut answers = 0;
        loop {
            if let Ok((code, _)) = ask(addr, "POST", "/v1/chat/completions", body) {
                answers += 1;
                if code == 200 {
                    break;
                }
            }
            if let Some(status) = process.0.try_wait()? {
                bail!("{name} ended with {status}:\n{}", fs::read_to_string(&log)?);
            }
            if began.elapsed() > PATIENCE {
                bail!("{name} does not answer:\n{}", fs::read_to_string(&log)?);
            }
            std::thread::yield_now();
        }
        let start_ms = began.elapsed().as_secs_f64() * 1000.0;
        let (pids, home) = (process::family(process.pid()), home.to_owned());
        Ok(Self {
            name,
            addr,
            pids,
            start_ms,
            answers,
            home,
            process: Some(process),
        })
    }

    /// A memory figure in MiB, over all its processes.
    pub(crate) fn memory_mib(&self, name: &str) -> Result<f64> {
        self.pids
            .iter()
            .map(|pid| process::memory_kib(*pid, name))
            .sum::<Result<f64>>()
            .map(|kib| kib / 1024.0)
    }

    /// Is it a process of its own?
    pub(crate) const fn is_proxy(&self) -> bool {
        self.process.is_some()
    }

    /// Ends it and waits for that.
    pub(crate) fn end(&mut self) -> Result<()> {
        self.process
            .take()
            .map_or(Ok(()), |mut process| process.end())
    }
}

/// One small request on a connection of its own: status and body.
fn ask(to: SocketAddr, method: &str, path: &str, body: &str) -> Result<(u16, String)> {
    let mut stream = TcpStream::connect_timeout(&to, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {to}\r\nauthorization: Bearer {KEY}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes())?;
    let mut held = Vec::new();
    let mut space = [0; 4096];
    loop {
        if let Some(extent) = http::extent(&held) {
            let length = extent.head + extent.body.unwrap_or_default();
            if let Some(body) = held.get(extent.head..length) {
                return Ok((http::status(&held), String::from_utf8(body.to_vec())?));
            }
        }
        match stream.read(&mut space)? {
            0 => bail!("closed without an answer"),
            n => held.extend_from_slice(space.get(..n).unwrap_or_default()),
        }
    }
}

fn free_port() -> Result<SocketAddr> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?)
}

fn gateway_config(mock: SocketAddr) -> String {
    format!(
        "model_list:
  - model_name: bench
    litellm_params:
      model: openai/mock-model
      api_base: http://{mock}/v1
      api_key: sk-upstream-of-the-bench
general_settings:
  master_key: {KEY}
"
    )
}

fn nginx_config(mock: SocketAddr, listen: SocketAddr, home: &Path) -> String {
    let home = home.display();
    let user = if rustix::process::getuid().is_root() {
        "user root;"
    } else {
        ""
    };
    format!(
        "daemon off; {user} worker_processes 1; pid {home}/nginx.pid;
events {{ worker_connections 1024; }}
http {{
  access_log off; tcp_nodelay on;
  client_max_body_size 64m; client_body_buffer_size 256k;
  keepalive_timeout 600s; keepalive_requests 1000000000;
  client_body_temp_path {home}/body; proxy_temp_path {home}/proxy;
  fastcgi_temp_path {home}/fastcgi; uwsgi_temp_path {home}/uwsgi; scgi_temp_path {home}/scgi;
  upstream mock {{ server {mock}; keepalive 256; keepalive_requests 1000000000; }}
  server {{
    listen {listen};
    location / {{
      proxy_pass http://mock; proxy_http_version 1.1; proxy_set_header Connection \"\";
      proxy_buffering off;
    }}
  }}
}}
"
    )
}
