//! Tasks that stand still: a machine asleep.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

/// Stops and wakes the tasks that are wrapped in it. Clones share the state.
#[derive(Clone, Debug, Default)]
pub(super) struct Frost(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    frozen: bool,
    waiting: Vec<Waker>,
}

impl Frost {
    pub(super) fn freeze(&self) {
        self.0.lock().unwrap().frozen = true;
    }

    pub(super) fn thaw(&self) {
        let mut state = self.0.lock().unwrap();
        state.frozen = false;
        for waker in state.waiting.drain(..) {
            waker.wake();
        }
    }

    pub(super) fn wrap(
        &self,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> impl Future<Output = ()> + Send + 'static {
        Frosted {
            frost: self.clone(),
            task: Box::pin(task),
        }
    }
}

struct Frosted {
    frost: Frost,
    task: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Future for Frosted {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        {
            let mut state = self.frost.0.lock().unwrap();
            if state.frozen {
                state.waiting.push(cx.waker().clone());
                return Poll::Pending;
            }
        }
        self.task.as_mut().poll(cx)
    }
}
