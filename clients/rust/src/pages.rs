use crate::Result;
use std::collections::VecDeque;

type Next<'a, T> = dyn FnMut(Option<String>) -> Result<Page<T>> + 'a;

/// A page of what is answered in pages.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// What it has.
    pub items: Vec<T>,
    /// Where the next one begins; None: there is none.
    pub cursor: Option<String>,
}

/// Everything of all pages, which are asked for as they are needed. After an error it goes on where it was, when it is asked
/// again.
pub struct Pages<'a, T> {
    next: Box<Next<'a, T>>,
    waiting: VecDeque<T>,
    cursor: Option<String>,
    ended: bool,
}

impl<'a, T> Pages<'a, T> {
    pub(crate) fn new(next: impl FnMut(Option<String>) -> Result<(Vec<T>, Option<String>)> + 'a) -> Pages<'a, T> {
        let mut next = next;
        let page = move |cursor| next(cursor).map(|(items, cursor)| Page { items, cursor });
        Pages { next: Box::new(page), waiting: VecDeque::new(), cursor: None, ended: false }
    }

    /// The same from a page on, by the cursor of the one before.
    pub fn from_cursor(self, cursor: impl Into<String>) -> Pages<'a, T> {
        Pages { cursor: Some(cursor.into()), ..self }
    }

    /// A page instead of one item after the other.
    pub fn next_page(&mut self) -> Option<Result<Page<T>>> {
        if self.ended {
            return None;
        }
        let page = (self.next)(self.cursor.clone());
        if let Ok(page) = &page {
            self.ended = page.cursor.is_none();
            self.cursor = page.cursor.clone();
        }
        Some(page)
    }
}

impl<T> Iterator for Pages<'_, T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        while self.waiting.is_empty() {
            match self.next_page()? {
                Ok(page) => self.waiting.extend(page.items),
                Err(error) => return Some(Err(error)),
            }
        }
        self.waiting.pop_front().map(Ok)
    }
}
