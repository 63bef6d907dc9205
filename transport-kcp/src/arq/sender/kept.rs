//! The bytes of segments that may be sent again, in one memory: it grows with what is in flight, and a segment costs no
//! allocation of its own.

/// Where the bytes of one segment are. Goes back by [`Kept::give_back`].
#[derive(Debug)]
pub(super) struct Place {
    at: usize,
    len: usize,
}

impl Place {
    /// How many bytes there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }
}

/// Places for segments of at most so many bytes; as many as ever were in use at once.
#[derive(Debug)]
pub(in crate::arq) struct Kept {
    /// Of one place, in bytes.
    size: usize,
    bytes: Vec<u8>,
    /// Where the places begin that are not in use. The latest is taken first: it is still in the processor's cache.
    free: Vec<usize>,
}

impl Kept {
    pub(super) fn new(size: usize) -> Self {
        Self {
            size,
            bytes: Vec::new(),
            free: Vec::new(),
        }
    }

    /// Keeps a copy of `data`, which is no longer than a place.
    pub(super) fn keep(&mut self, data: &[u8]) -> Place {
        let at = self.free.pop().unwrap_or_else(|| {
            let at = self.bytes.len();
            self.bytes.resize(at + self.size, 0);
            at
        });
        let len = data.len();
        self.bytes[at..at + self.size][..len].copy_from_slice(data);
        Place { at, len }
    }

    /// The bytes that are kept there.
    pub(super) fn get(&self, place: &Place) -> &[u8] {
        &self.bytes[place.at..place.at + place.len]
    }

    /// The bytes are not needed any more.
    pub(super) fn give_back(&mut self, place: Place) {
        self.free.push(place.at);
    }

    /// How many places there are, in use or not.
    #[cfg(any(test, fuzzing))]
    pub(in crate::arq) fn places(&self) -> usize {
        self.bytes.len() / self.size
    }
}

#[cfg(test)]
mod tests {
    use super::Kept;

    #[test]
    fn what_is_kept_is_found_again_and_a_place_that_is_given_back_serves_anew() {
        let mut kept = Kept::new(8);
        let row: Vec<_> = (0..4_u8)
            .map(|byte| kept.keep(&vec![byte; usize::from(byte) * 2]))
            .collect();
        for (byte, place) in (0..).zip(&row) {
            assert_eq!(kept.get(place), vec![byte; usize::from(byte) * 2]);
        }
        let mut row = row.into_iter();
        kept.give_back(row.next().unwrap());
        let place = kept.keep(b"anew");
        assert_eq!(kept.get(&place), b"anew");
        assert_eq!(kept.get(&row.next().unwrap()), [1, 1]);
        assert_eq!(kept.places(), 4);
    }
}
