//! What the process under test does.

use std::env;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process;
use std::thread;

use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getpgrp, tcsetpgrp};
use tssh_client::terminal::{Attributes, Guard, Input, Output, Signals, Size, raw};

use crate::{MODES, ROLE};

/// What the process under test does, and its exit status.
pub(crate) async fn program(role: &str) -> Result<i32, Box<dyn std::error::Error>> {
    let mut signals = Signals::start()?;
    let guard = Guard::take(Attributes::Raw)?;
    let output = Output::stdout(guard.screen())?;
    let mut input = Input::stdin()?;
    match role {
        "size" => loop {
            let Size { columns, rows, .. } = *signals.size.borrow_and_update();
            output
                .write(format!("{columns}x{rows}\r\n").as_bytes())
                .await?;
            if columns == 100 {
                break;
            }
            signals.size.changed().await?;
        },
        "keys" => {
            output.write(b"ready").await?;
            let mut typed = Vec::new();
            while typed.last() != Some(&b'q') {
                typed.extend_from_slice(&input.recv().await?.unwrap_or_default());
            }
            output.write(format!("{typed:?}").as_bytes()).await?;
            output.flush().await?;
            return Ok(0);
        }
        _ => {
            output.write(b"\x1b[2J\x1b[1;1Hbefore\r\n").await?;
            output.write(MODES).await?;
            output.write(b"\x1b(B ready\x1b(0").await?;
        }
    }
    output.flush().await?;
    if role == "suspend" {
        guard.suspend()?;
        output.write(b"\x1b(B resumed\x1b(0").await?;
    }
    if role == "signal" {
        let ending = *signals.ending.wait_for(Option::is_some).await?;
        drop(guard);
        return Ok(ending.map_or(1, |_| 255));
    }
    if role == "flood" {
        let flood = [b'.'; 4096];
        loop {
            tokio::select! {
                ending = signals.ending.wait_for(Option::is_some) => {
                    let status = ending?.map_or(1, |_| 255);
                    drop(guard);
                    return Ok(status);
                }
                written = output.write(&flood) => written?,
            }
        }
    }
    if role == "deaf" {
        loop {
            thread::park();
        }
    }
    input.recv().await?;
    match role {
        "error" => Err("no such thing".into()),
        "exit" => {
            raw::give_back();
            process::exit(7);
        }
        "panic" => {
            // Without unwinding, so that the hook alone has to do it.
            std::mem::forget(guard);
            let _ = thread::spawn(|| panic!("on purpose")).join();
            process::exit(101);
        }
        "thread panic" => {
            let unwound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
                let _guard = guard;
                panic!("on purpose");
            }));
            process::exit(if unwound.is_err() { 102 } else { 0 });
        }
        _ => Ok(0),
    }
}

/// A shell with job control, as far as one job needs it.
pub(crate) fn shell() -> i32 {
    let mut mask = SigSet::empty();
    mask.add(Signal::SIGTTOU);
    let stdin = std::io::stdin();
    let mut job = process::Command::new(env::current_exe().unwrap())
        .args(["role", "--exact", "--nocapture", "--test-threads=1"])
        .env(ROLE, "suspend")
        .process_group(0)
        .spawn()
        .unwrap();
    let pid = Pid::from_raw(i32::try_from(job.id()).unwrap());
    mask.thread_block().unwrap();
    tcsetpgrp(stdin.as_fd(), pid).unwrap();
    let _ = kill(pid, Signal::SIGCONT);
    let stopped = waitpid(pid, Some(WaitPidFlag::WUNTRACED)).unwrap();
    assert!(
        matches!(stopped, WaitStatus::Stopped(_, Signal::SIGTSTP)),
        "{stopped:?}"
    );
    tcsetpgrp(stdin.as_fd(), getpgrp()).unwrap();
    std::io::stdout().write_all(b"stopped").unwrap();
    std::io::stdout().flush().unwrap();
    stdin.lock().read_exact(&mut [0]).unwrap();
    tcsetpgrp(stdin.as_fd(), pid).unwrap();
    kill(pid, Signal::SIGCONT).unwrap();
    let status = job.wait().unwrap();
    tcsetpgrp(stdin.as_fd(), getpgrp()).unwrap();
    status.code().unwrap_or(1)
}
