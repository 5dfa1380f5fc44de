use crate::Result;
use std::collections::VecDeque;

type Next<'a, T> = dyn FnMut(Option<String>) -> Result<(Vec<T>, Option<String>)> + 'a;

/// Everything of all pages, which are asked for as they are needed. An error ends it.
pub struct Pages<'a, T> {
    next: Box<Next<'a, T>>,
    waiting: VecDeque<T>,
    cursor: Option<String>,
    ended: bool,
}

impl<'a, T> Pages<'a, T> {
    pub(crate) fn new(next: impl FnMut(Option<String>) -> Result<(Vec<T>, Option<String>)> + 'a) -> Pages<'a, T> {
        Pages { next: Box::new(next), waiting: VecDeque::new(), cursor: None, ended: false }
    }
}

impl<T> Iterator for Pages<'_, T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        while self.waiting.is_empty() && !self.ended {
            match (self.next)(self.cursor.take()) {
                Ok((items, cursor)) => {
                    self.waiting.extend(items);
                    self.ended = cursor.is_none();
                    self.cursor = cursor;
                }
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            }
        }
        self.waiting.pop_front().map(Ok)
    }
}
