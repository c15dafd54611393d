//! Hosts that fall silent: a frozen process, a switched-off machine, a cut cable.
//!
//! The cut cable needs two network namespaces and so root; both ends lie in namespaces of their own,
//! and nothing of the machine's own network is touched. Elsewhere the test says that it was skipped.

use std::time::Duration;

use rustix::process::Signal;

use crate::support::canned::openai;
use crate::support::rig::{self, chat, chat_stream, quiet, rows};
use crate::support::wait::{PATIENCE, now};
use crate::support::{End, Gateway, Upstream, check, wait_for};

#[test]
fn a_frozen_process_is_down_within_five_seconds_and_its_requests_go_on_elsewhere() {
    // A second gateway plays the server: a process that can be stopped for real.
    let behind = Upstream::start(openai::server("from the frozen one"));
    let server = rig::start(&[rig::openai("mock-model", &behind)], "");
    let spare = Upstream::start(openai::server("from the spare"));
    let gateway = rig::start(
        &[
            rig::entry(
                "chat",
                "openai/mock-model",
                &format!("http://{}/v1", server.addr),
            )
            .with("order: 1"),
            rig::openai("chat", &spare).with("order: 2"),
        ],
        "router_settings: {num_retries: 0}\n",
    );
    for _ in 0..3 {
        let answer = gateway
            .post("/v1/chat/completions", &chat("chat"))
            .must_be(200);
        assert!(answer.text().contains("from the frozen one"));
    }
    server.signal(Signal::STOP);
    let began = now();
    let answer = gateway
        .post("/v1/chat/completions", &chat("chat"))
        .must_be(200);
    let took = began.elapsed();
    server_goes_on_later(&server, || {
        assert!(answer.text().contains("from the spare"));
        assert!(took < Duration::from_secs(5), "{took:?}");
        assert_eq!(
            rows(&gateway, 4)[3].tries,
            ["host_down", ""],
            "abandoned, not timed out"
        );
        let (frames, end) = gateway
            .stream("/v1/chat/completions", &chat_stream("chat"))
            .collect();
        assert_eq!(end, End::Whole);
        assert_eq!(check::openai_text(&frames), "from the spare");
        assert_eq!(
            rows(&gateway, 5)[4].tries,
            [""],
            "known to be down: no failed try"
        );
    });
    wait_for("it to serve again", PATIENCE, || {
        let answer = gateway
            .post("/v1/chat/completions", &chat("chat"))
            .must_be(200);
        answer.text().contains("from the frozen one").then_some(())
    });
    quiet(&gateway, &[&spare]);
    quiet(&server, &[&behind]);
}

/// Runs `looks` while the server stands still, and lets it go on however they end.
fn server_goes_on_later(server: &Gateway, looks: impl FnOnce()) {
    let looked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(looks));
    server.signal(Signal::CONT);
    if let Err(panic) = looked {
        std::panic::resume_unwind(panic);
    }
}

#[cfg(target_os = "linux")]
mod cable {
    use std::fs::File;
    use std::net::{IpAddr, Ipv4Addr};
    use std::os::fd::AsFd;
    use std::process::{Command, Stdio};
    use std::thread;

    use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

    use super::*;

    const THERE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 211, 77, 2));

    /// Two network namespaces with a cable between; gone when dropped.
    struct Cable {
        here: String,
        there: String,
    }

    fn ip(args: &str) -> bool {
        let mut ip = Command::new("ip");
        ip.args(args.split(' '))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        ip.status().is_ok_and(|status| status.success())
    }

    impl Cable {
        fn lay() -> Option<Self> {
            let number = std::process::id();
            let cable = Self {
                here: format!("pm-e2e-a{number}"),
                there: format!("pm-e2e-b{number}"),
            };
            let Self { here, there } = &cable;
            let all = [
                format!("netns add {here}"),
                format!("netns add {there}"),
                format!("-n {here} link set lo up"),
                format!("-n {there} link set lo up"),
                format!("link add e2ea netns {here} type veth peer name e2eb netns {there}"),
                format!("-n {here} addr add 10.211.77.1/24 dev e2ea"),
                format!("-n {there} addr add 10.211.77.2/24 dev e2eb"),
                format!("-n {here} link set e2ea up"),
                format!("-n {there} link set e2eb up"),
            ];
            all.iter().all(|args| ip(args)).then_some(cable)
        }

        /// Pulls it at the far end: here the link has lost its carrier, and nothing else is said.
        fn cut(&self) {
            assert!(ip(&format!("-n {} link set e2eb down", self.there)));
        }

        fn mend(&self) {
            assert!(ip(&format!("-n {} link set e2eb up", self.there)));
        }

        /// Runs on a thread within a namespace; what it starts stays there.
        fn within<T: Send>(name: &str, run: impl FnOnce() -> T + Send) -> T {
            thread::scope(|scope| {
                let inside = scope.spawn(|| {
                    let file = File::open(format!("/run/netns/{name}")).unwrap();
                    move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
                        .unwrap();
                    run()
                });
                inside
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
        }
    }

    impl Drop for Cable {
        fn drop(&mut self) {
            for name in [&self.here, &self.there] {
                ip(&format!("netns del {name}"));
            }
        }
    }

    #[track_caller]
    fn served_by_the_spare(gateway: &Gateway, plain: bool) {
        let began = now();
        let text = if plain {
            let answer = gateway.post("/v1/chat/completions", &chat("chat"));
            answer.must_be(200).json()["choices"][0]["message"]["content"].to_string()
        } else {
            let stream = gateway.stream("/v1/chat/completions", &chat_stream("chat"));
            let (frames, end) = stream.collect();
            assert_eq!(end, End::Whole);
            check::openai_text(&frames)
        };
        assert!(text.contains("from the spare"), "{text}");
        let took = began.elapsed();
        assert!(took < Duration::from_millis(2_200), "{took:?}");
    }

    #[test]
    fn a_cut_cable_with_a_warm_pool_costs_two_seconds_at_most() {
        let Some(cable) = Cable::lay() else {
            eprintln!("skipped: no network namespaces here (it takes root and `ip`)");
            return;
        };
        let far = Cable::within(&cable.there, || {
            Upstream::start_at(THERE, openai::server("from afar"))
        });
        Cable::within(&cable.here, || {
            let spare = Upstream::start(openai::server("from the spare"));
            let gateway = rig::start(
                &[
                    rig::openai("chat", &far).with("order: 1"),
                    rig::openai("chat", &spare).with("order: 2"),
                ],
                "router_settings: {num_retries: 0, allowed_fails: 3, cooldown_time: 60}\n",
            );
            let ask = || {
                gateway
                    .post("/v1/chat/completions", &chat("chat"))
                    .must_be(200)
            };
            // Warm connections on every worker.
            thread::scope(|scope| {
                for _ in 0..12 {
                    scope.spawn(|| assert!(ask().text().contains("from afar")));
                }
            });
            cable.cut();
            thread::scope(|scope| {
                for n in 0..10 {
                    let gateway = &gateway;
                    scope.spawn(move || served_by_the_spare(gateway, n % 2 == 0));
                }
            });
            wait_for("the host to be seen down", Duration::from_secs(5), || {
                (rig::unhealthy(&gateway).len() == 1).then_some(())
            });
            let answer = ask();
            assert!(
                answer.took < Duration::from_millis(500),
                "{:?}",
                answer.took
            );
            cable.mend();
            wait_for("it to serve again", PATIENCE, || {
                ask().text().contains("from afar").then_some(())
            });
            quiet(&gateway, &[&spare]);
        });
        // Where it listens, since ending it takes a connection.
        Cable::within(&cable.there, move || drop(far));
    }
}
