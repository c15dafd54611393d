//! Writes JSON straight into a buffer, member by member, in the order it is told.
//!
//! Pictures of some megabytes go from the neutral form to the wire without a tree of values in
//! between. It knows no dialect; the dialects' writers call it.

use bytes::BufMut;
use serde::Serialize;

/// An object that is being written; its end is written by whoever opened it.
#[derive(Debug)]
pub struct Object<'a, B: BufMut> {
    out: &'a mut B,
    empty: bool,
}

/// An array that is being written.
#[derive(Debug)]
pub struct Array<'a, B: BufMut> {
    out: &'a mut B,
    empty: bool,
}

/// Writes an object whose members `fill` tells.
pub fn object<B: BufMut, R>(out: &mut B, fill: impl FnOnce(&mut Object<'_, B>) -> R) -> R {
    out.put_u8(b'{');
    let mut object = Object { out, empty: true };
    let result = fill(&mut object);
    object.out.put_u8(b'}');
    result
}

/// Writes an array whose items `fill` tells.
pub fn array<B: BufMut, R>(out: &mut B, fill: impl FnOnce(&mut Array<'_, B>) -> R) -> R {
    out.put_u8(b'[');
    let mut array = Array { out, empty: true };
    let result = fill(&mut array);
    array.out.put_u8(b']');
    result
}

/// Writes any value as JSON.
pub fn value<B: BufMut>(out: &mut B, value: &(impl Serialize + ?Sized)) {
    serde_json::to_writer((&mut *out).writer(), value)
        .expect("texts, numbers and JSON values always fit into memory as JSON");
}

// === impl Object ===

impl<B: BufMut> Object<'_, B> {
    fn name(&mut self, name: &str) {
        if !self.empty {
            self.out.put_u8(b',');
        }
        self.empty = false;
        value(self.out, name);
        self.out.put_u8(b':');
    }

    /// Writes a member of any kind.
    pub fn put(&mut self, name: &str, member: &(impl Serialize + ?Sized)) -> &mut Self {
        self.name(name);
        value(self.out, member);
        self
    }

    /// Writes a member when there is one.
    pub fn put_some(
        &mut self,
        name: &str,
        member: Option<&(impl Serialize + ?Sized)>,
    ) -> &mut Self {
        if let Some(member) = member {
            self.put(name, member);
        }
        self
    }

    /// Writes a member whose JSON is already there; the caller vouches for it.
    pub fn put_json(&mut self, name: &str, json: &str) -> &mut Self {
        self.name(name);
        self.out.put_slice(json.as_bytes());
        self
    }

    /// Writes a member that is an object.
    pub fn object<R>(&mut self, name: &str, fill: impl FnOnce(&mut Object<'_, B>) -> R) -> R {
        self.name(name);
        object(self.out, fill)
    }

    /// Writes a member that is an array.
    pub fn array<R>(&mut self, name: &str, fill: impl FnOnce(&mut Array<'_, B>) -> R) -> R {
        self.name(name);
        array(self.out, fill)
    }
}

// === impl Array ===

impl<B: BufMut> Array<'_, B> {
    fn next(&mut self) {
        if !self.empty {
            self.out.put_u8(b',');
        }
        self.empty = false;
    }

    /// Writes an item of any kind.
    pub fn put(&mut self, item: &(impl Serialize + ?Sized)) {
        self.next();
        value(self.out, item);
    }

    /// Writes an item that is an object.
    pub fn object<R>(&mut self, fill: impl FnOnce(&mut Object<'_, B>) -> R) -> R {
        self.next();
        object(self.out, fill)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_and_items_are_parted_by_commas_only() {
        let mut out = Vec::new();
        object(&mut out, |o| {
            o.put("a", "x\"\n")
                .put("b", &1)
                .put_json("c", "{ \"raw\":1}");
            o.put_some("absent", None::<&str>);
            o.object("d", |_| ());
            o.array("e", |a| {
                a.put(&true);
                a.object(|o| {
                    o.put("f", &None::<u8>);
                });
            });
        });
        assert_eq!(
            String::from_utf8(out).unwrap(),
            r#"{"a":"x\"\n","b":1,"c":{ "raw":1},"d":{},"e":[true,{"f":null}]}"#
        );
    }
}
