//! The notation in which every message is declared: `message!`, and what may be a field of one.
//!
//! The peers of this protocol speak JSON as Go's `encoding/json` writes and reads it, which is not what
//! serde derives: names match without regard to case, `null` and an absent name both mean zero, the
//! last of two equal names wins, and a field that is zero is not written.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{DeserializeSeed, Deserializer, Error as _, Visitor};
use serde::ser::Error as _;
use serde::{Deserialize, Serialize, Serializer};

/// A JSON object of the wire protocol. Implemented by `message!` alone.
///
/// Decoding accepts any subset of the fields in any order and ignores unknown ones (PROTOCOL.md, "JSON").
pub trait Message: Clone + Default + fmt::Debug + PartialEq + Serialize + Decode {
    /// Whether fields that are zero are written too.
    const KEEPS_ZEROS: bool;
}

/// What can be read from any piece of JSON without borrowing from it.
pub trait Decode: for<'de> Deserialize<'de> {}

impl<T: for<'de> Deserialize<'de>> Decode for T {}

/// A value that can stand in a message.
pub(super) trait Field: Default {
    /// Zero values are not written.
    fn is_zero(&self) -> bool;

    fn put<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error>;

    /// Reads the value; `null` is zero.
    fn take<'de, D: Deserializer<'de>>(from: D) -> Result<Self, D::Error>;

    /// For logs: what a user may have typed is shown by its size alone.
    fn show(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result;
}

/// A field on its way out.
pub(super) struct Put<'a, T>(pub(super) &'a T);

impl<T: Field> Serialize for Put<'_, T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.put(to)
    }
}

impl<T: Field> fmt::Debug for Put<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.show(f)
    }
}

/// A field on its way in.
pub(super) struct Taken<T>(pub(super) T);

impl<'de, T: Field> Deserialize<'de> for Taken<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        T::take(from).map(Taken)
    }
}

/// A name in an object: one of the declared ones, or another.
pub(super) enum Name {
    Known(&'static str),
    Unknown(String),
}

/// Reads a [`Name`], given the declared ones.
pub(super) struct NameOf(pub(super) &'static [&'static str]);

impl<'de> DeserializeSeed<'de> for NameOf {
    type Value = Name;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Name, D::Error> {
        from.deserialize_str(self)
    }
}

impl Visitor<'_> for NameOf {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field name")
    }

    fn visit_str<E>(self, found: &str) -> Result<Name, E> {
        let known = self.0.iter().find(|name| name.eq_ignore_ascii_case(found));
        Ok(known.map_or_else(|| Name::Unknown(found.to_owned()), |name| Name::Known(name)))
    }
}

/// Visits a message or `null`.
pub(super) struct Whole<T>(pub(super) PhantomData<T>);

macro_rules! plain_field {
    ($($Type:ty),+) => {$(
        impl Field for $Type {
            fn is_zero(&self) -> bool {
                *self == Self::default()
            }

            fn put<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                self.serialize(to)
            }

            fn take<'de, D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                Ok(Option::deserialize(from)?.unwrap_or_default())
            }

            fn show(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(self, to)
            }
        }
    )+};
}

plain_field!(bool, u16, u32, u64, i64, String, Vec<String>);

/// A switch that may be left as it is (`None`), put off or put on.
impl Field for Option<bool> {
    fn is_zero(&self) -> bool {
        self.is_none()
    }

    fn put<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.serialize(to)
    }

    fn take<'de, D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::deserialize(from)
    }

    fn show(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, to)
    }
}

/// Bytes travel as standard base64.
impl Field for Vec<u8> {
    fn is_zero(&self) -> bool {
        self.is_empty()
    }

    fn put<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(self))
    }

    fn take<'de, D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = Option::<String>::deserialize(from)?.unwrap_or_default();
        STANDARD.decode(text).map_err(D::Error::custom)
    }

    fn show(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{} bytes", self.len())
    }
}

/// Durations travel as whole nanoseconds in a signed 64-bit integer.
impl Field for Duration {
    fn is_zero(&self) -> bool {
        *self == Self::ZERO
    }

    fn put<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let nanos = i64::try_from(self.as_nanos()).map_err(|_| {
            S::Error::custom(format_args!(
                "{self:?} is over the longest duration, 292 years"
            ))
        })?;
        to.serialize_i64(nanos)
    }

    fn take<'de, D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let nanos = Option::<i64>::deserialize(from)?.unwrap_or_default();
        u64::try_from(nanos)
            .map(Self::from_nanos)
            .map_err(|_| D::Error::custom(format_args!("duration of {nanos} ns is below zero")))
    }

    fn show(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, to)
    }
}

/// Environment variables: the values stay out of logs.
impl Field for BTreeMap<String, String> {
    fn is_zero(&self) -> bool {
        self.is_empty()
    }

    fn put<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.serialize(to)
    }

    fn take<'de, D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let found = Option::<BTreeMap<String, Option<String>>>::deserialize(from)?;
        let pairs = found.unwrap_or_default().into_iter();
        Ok(pairs
            .map(|(name, value)| (name, value.unwrap_or_default()))
            .collect())
    }

    fn show(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_set().entries(self.keys()).finish()
    }
}

impl<T: Message> Field for Option<T> {
    fn is_zero(&self) -> bool {
        self.is_none()
    }

    fn put<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.serialize(to)
    }

    fn take<'de, D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::deserialize(from)
    }

    fn show(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, to)
    }
}

impl<T: Message> Field for Vec<T> {
    fn is_zero(&self) -> bool {
        self.is_empty()
    }

    fn put<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.serialize(to)
    }

    fn take<'de, D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(from)?.unwrap_or_default())
    }

    fn show(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, to)
    }
}

/// Declares a message: `"NameOnTheWire" name_in_rust: Type`, in the order in which Go writes them.
///
/// `all fields` after the name writes zero values too. A last `..extra` keeps unknown fields.
macro_rules! message {
    (@keeps_zeros) => { false };
    (@keeps_zeros all fields) => { true };
    (@unknown $map:ident $name:ident) => {{
        let _ = $name;
        let _: serde::de::IgnoredAny = $map.next_value()?;
    }};
    (@unknown $map:ident $name:ident $message:ident $extra:ident) => {
        $message.$extra.insert($name, $map.next_value()?)
    };
    (
        $(#[$meta:meta])*
        pub struct $Name:ident $(($($all:ident)+))? {
            $($(#[$field_meta:meta])* $key:literal $field:ident: $Type:ty,)*
            $(..$(#[$extra_meta:meta])* $extra:ident: $Extra:ty,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Default, PartialEq, Eq)]
        pub struct $Name {
            $($(#[$field_meta])* pub $field: $Type,)*
            $($(#[$extra_meta])* pub $extra: $Extra,)?
        }

        impl $crate::wire::message::Message for $Name {
            const KEEPS_ZEROS: bool = message!(@keeps_zeros $($($all)+)?);
        }

        impl std::fmt::Debug for $Name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($Name))
                    $(.field(stringify!($field), &$crate::wire::message::Put(&self.$field)))*
                    $(.field(stringify!($extra), &self.$extra))?
                    .finish()
            }
        }

        impl serde::Serialize for $Name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                let map = serde::Serializer::serialize_map(to, None)?;
                #[allow(unused_mut, reason = "a message may have no field")]
                let mut map = map;
                $(
                    let keep = <Self as $crate::wire::message::Message>::KEEPS_ZEROS;
                    if keep || !$crate::wire::message::Field::is_zero(&self.$field) {
                        let value = $crate::wire::message::Put(&self.$field);
                        serde::ser::SerializeMap::serialize_entry(&mut map, $key, &value)?;
                    }
                )*
                $(
                    for (name, value) in self.$extra.iter() {
                        serde::ser::SerializeMap::serialize_entry(&mut map, name, value)?;
                    }
                )?
                serde::ser::SerializeMap::end(map)
            }
        }

        impl<'de> serde::de::Visitor<'de> for $crate::wire::message::Whole<$Name> {
            type Value = $Name;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_unit<E>(self) -> Result<$Name, E> {
                Ok($Name::default())
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<$Name, A::Error> {
                const NAMES: &[&str] = &[$($key),*];
                #[allow(unused_mut, reason = "a message may have no field")]
                let mut message = $Name::default();
                while let Some(name) = map.next_key_seed($crate::wire::message::NameOf(NAMES))? {
                    match name {
                        $($crate::wire::message::Name::Known($key) => {
                            let $crate::wire::message::Taken(value) = map.next_value()?;
                            message.$field = value;
                        })*
                        $crate::wire::message::Name::Known(name) => {
                            unreachable!("{name} is declared and has no arm")
                        }
                        $crate::wire::message::Name::Unknown(name) => {
                            message!(@unknown map name $(message $extra)?);
                        }
                    }
                }
                Ok(message)
            }
        }

        impl<'de> serde::Deserialize<'de> for $Name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                from.deserialize_any($crate::wire::message::Whole::<Self>(std::marker::PhantomData))
            }
        }
    };
}

pub(super) use message;
