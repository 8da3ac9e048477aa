//! The README's questions, asked; its answers, compared.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::{Error, call::call, processes::PAUSE, web};

const README: &str = include_str!("../README.md");

/// A request of the README and all that it prints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    /// The line to type: `curl URL` or `curl -X POST URL`.
    pub(crate) line: &'static str,
    answer: String,
}

/// The README's `console` blocks, read: each line after a `$ ` up to the next one or the end of the block.
pub(crate) fn questions() -> Vec<Question> {
    let blocks = README.split("```console\n").skip(1);
    let blocks = blocks.filter_map(|rest| rest.split("```").next());
    let questions = blocks.flat_map(|block| block.split("$ ").skip(1));
    questions
        .filter_map(|text| text.split_once('\n'))
        .filter(|(line, _)| line.starts_with("curl "))
        .map(|(line, answer)| Question {
            line,
            answer: answer.to_owned(),
        })
        .collect()
}

/// Waits until a request goes all the way.
pub(crate) async fn ready() -> Result<(), Error> {
    let first = questions().into_iter().next().ok_or("the README asks nothing")?;
    answered(&first, Duration::from_secs(30)).await
}

/// Asks everything in order, then waits until what was broken is whole again.
pub(crate) async fn ask_everything() -> Result<(), Error> {
    for question in questions() {
        println!("$ {}", question.line);
        let answer = ask(question.line).await?;
        print!("{answer}");
        if answer != question.answer {
            return Err(format!("the README says:\n{}", question.answer).into());
        }
    }
    answered(&questions()[0], PAUSE + Duration::from_secs(30)).await?;
    println!("\nEverything is as the README says, and orders is back.");
    Ok(())
}

/// Asks until the answer is right.
async fn answered(question: &Question, patience: Duration) -> Result<(), Error> {
    let end = Instant::now() + patience;
    loop {
        let answer = ask(question.line).await;
        if answer.as_ref().is_ok_and(|answer| *answer == question.answer) {
            return Ok(());
        }
        if Instant::now() > end {
            return Err(format!("{} still says {answer:?}", question.line).into());
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// What curl would print.
async fn ask(line: &str) -> Result<String, Error> {
    let url = line.split(' ').next_back().unwrap_or_default();
    let addr = url
        .trim_start_matches("http://")
        .split('/')
        .next()
        .unwrap_or(web::ADDR);
    let method = if line.contains("-X POST") { "POST" } else { "GET" };
    match call(addr, method, url).await {
        Ok(answer) => Ok(answer.body),
        // What a crash looks like from outside.
        Err(error) if is_empty_reply(&error) => Ok("curl: (52) Empty reply from server\n".to_owned()),
        Err(error) => Err(error),
    }
}

fn is_empty_reply(error: &Error) -> bool {
    error
        .downcast_ref::<hyper::Error>()
        .is_some_and(hyper::Error::is_incomplete_message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::CONFIGURATIONS;

    #[test]
    fn the_readme_shows_the_configurations_as_they_are() {
        for (name, text) in CONFIGURATIONS {
            assert!(README.contains(&format!("```toml\n{text}```")), "{name}");
        }
    }

    #[test]
    fn the_readme_asks_for_success_silence_and_a_crash() {
        let answers: Vec<_> = questions().into_iter().map(|question| question.answer).collect();
        assert!(answers[0].starts_with("orders says"), "{answers:?}");
        for status in ["502", "504"] {
            assert!(answers.iter().any(|answer| answer.contains(status)), "{status}");
        }
    }
}
