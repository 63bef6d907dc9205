//! A prompter that answers as it is told, and remembers what it heard.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tssh_client::login::{PromptError, Prompter, Question};
use zeroize::Zeroizing;

#[derive(Debug, Default)]
pub(crate) struct Script {
    answers: Mutex<VecDeque<String>>,
    asked: Mutex<Vec<String>>,
    told: Mutex<Vec<String>>,
}

impl Script {
    /// Answers the questions in this order, and breaks off after the last.
    pub(crate) fn new(answers: &[&str]) -> Arc<Self> {
        let answers = answers.iter().map(|answer| (*answer).to_owned()).collect();
        Arc::new(Self {
            answers: Mutex::new(answers),
            ..Self::default()
        })
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }
}

#[async_trait]
impl Prompter for Script {
    async fn ask(&self, question: &Question<'_>) -> Result<Zeroizing<String>, PromptError> {
        self.asked.lock().unwrap().push(question.text.to_owned());
        match self.answers.lock().unwrap().pop_front() {
            Some(answer) => Ok(Zeroizing::new(answer)),
            None => Err(PromptError::Interrupted),
        }
    }

    fn tell(&self, text: &str) {
        self.told.lock().unwrap().push(text.to_owned());
    }
}
