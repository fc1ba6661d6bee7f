//! Coded messages: a code with arguments, from which whoever shows it makes words.

use super::{TEXT_LIMIT, bounded};
use fleet_core::access::{Role, Subject};
use fleet_core::capability::Capability;
use fleet_core::duplicate::Machine;
use fleet_core::failed_step::FileStep;
use fleet_core::names::{
    AppName, BackupId, HostName, InstanceName, OperatorName, OrderId, PolicyName, ReleaseName, RepositoryName,
    RolloutId, SnapshotId, StoreName, Version,
};
use fleet_core::order_kind::OrderKind;
use fleet_core::plain_text::ShortText;
use fleet_core::refused_call::{CountedThing, LocationPart, NamedKind, SharedWork};
use fleet_core::rollout::SkipReason;
use fleet_core::time::Time;
use fleet_core::units::Period;
use fleet_core::window::Window;
use std::time::Duration;

/// A field of a coded message as texts.
pub(super) trait Argument: Sized {
    fn put(self, to: &mut Vec<String>);
    /// Takes the parts of the field; `None` if they cannot be parsed.
    fn take(from: &mut dyn Iterator<Item = String>) -> Option<Self>;
    /// Puts it as one of several: in a list, or before other fields.
    fn put_item(self, to: &mut Vec<String>) {
        self.put(to);
    }
    fn take_item(from: &mut dyn Iterator<Item = String>) -> Option<Self> {
        Self::take(&mut from.take(1))
    }
}

macro_rules! single_arguments {
    ($($kind:ty),+ $(,)?) => {
        $(
            impl Argument for $kind {
                fn put(self, to: &mut Vec<String>) {
                    to.push(self.to_string());
                }

                fn take(from: &mut dyn Iterator<Item = String>) -> Option<Self> {
                    from.next()?.parse().ok()
                }
            }
        )+
    };
}

single_arguments!(
    AppName,
    BackupId,
    CountedThing,
    HostName,
    InstanceName,
    LocationPart,
    Machine,
    NamedKind,
    OperatorName,
    OrderId,
    OrderKind,
    PolicyName,
    ReleaseName,
    RepositoryName,
    Role,
    RolloutId,
    SharedWork,
    ShortText,
    SkipReason,
    SnapshotId,
    StoreName,
    Subject,
    Version,
    Window,
    Period,
    bool,
    i32,
    i64,
    u16,
    u32,
    u64,
    usize,
);

impl Argument for String {
    fn put(self, to: &mut Vec<String>) {
        to.push(self);
    }

    fn take(from: &mut dyn Iterator<Item = String>) -> Option<Self> {
        from.next().map(bounded)
    }
}

/// The most items of a list in a coded message that are taken in.
const ITEMS_LIMIT: usize = 128;

/// The last field: all that is left.
impl<T: Argument> Argument for Vec<T> {
    fn put(self, to: &mut Vec<String>) {
        self.into_iter().for_each(|one| one.put_item(to));
    }

    fn take(from: &mut dyn Iterator<Item = String>) -> Option<Self> {
        let mut items = Vec::new();
        while let Some(first) = from.next() {
            if items.len() == ITEMS_LIMIT {
                break;
            }
            items.push(T::take_item(&mut std::iter::once(first).chain(&mut *from))?);
        }
        Some(items)
    }
}

/// The last field, which may be missing.
impl<T: Argument> Argument for Option<T> {
    fn put(self, to: &mut Vec<String>) {
        self.into_iter().for_each(|one| one.put(to));
    }

    /// One that is there and cannot be read makes the message unreadable: it must not seem to be missing.
    fn take(from: &mut dyn Iterator<Item = String>) -> Option<Self> {
        let Some(first) = from.next() else { return Some(None) };
        T::take(&mut std::iter::once(first).chain(from)).map(Some)
    }
}

impl Argument for Capability {
    fn put(self, to: &mut Vec<String>) {
        to.push(self.to_string());
    }

    fn take(from: &mut dyn Iterator<Item = String>) -> Option<Self> {
        String::take(from).map(|name| Self::from(name.as_str()))
    }
}

impl Argument for FileStep {
    fn put(self, to: &mut Vec<String>) {
        to.push(self.to_string());
    }

    fn take(from: &mut dyn Iterator<Item = String>) -> Option<Self> {
        String::take(from).map(Self::from)
    }
}

impl Argument for Box<str> {
    fn put(self, to: &mut Vec<String>) {
        to.push(self.into());
    }

    fn take(from: &mut dyn Iterator<Item = String>) -> Option<Self> {
        String::take(from).map(String::into_boxed_str)
    }
}

/// Milliseconds since 1970.
impl Argument for Time {
    fn put(self, to: &mut Vec<String>) {
        self.0.put(to);
    }

    fn take(from: &mut dyn Iterator<Item = String>) -> Option<Self> {
        u64::take(from).map(Self)
    }
}

/// Milliseconds.
impl Argument for Duration {
    fn put(self, to: &mut Vec<String>) {
        u64::try_from(self.as_millis()).unwrap_or(u64::MAX).put(to);
    }

    fn take(from: &mut dyn Iterator<Item = String>) -> Option<Self> {
        u64::take(from).map(Self::from_millis)
    }
}

/// A coded message in another.
impl<T: Argument> Argument for Box<T> {
    fn put(self, to: &mut Vec<String>) {
        (*self).put_item(to);
    }

    fn take(from: &mut dyn Iterator<Item = String>) -> Option<Self> {
        T::take_item(from).map(Self::new)
    }
}

/// Texts of one coded message that are taken in, with those of the messages in it, and their bytes in all: a sender cannot nest them
/// without end.
const TEXTS_LIMIT: usize = 512;
const BYTES_LIMIT: usize = 4 * TEXT_LIMIT;

/// The arguments of a coded message within the limits: what is too long is cut.
pub(super) fn limited(arguments: Vec<String>) -> impl Iterator<Item = String> {
    let mut left = BYTES_LIMIT;
    arguments.into_iter().take(TEXTS_LIMIT).map(move |mut text| {
        text.truncate(text.floor_char_boundary(left));
        left -= text.len();
        text
    })
}

/// Pairs the variants of an enum with the codes of the same names, both ways, in full, and reads the message by a function.
/// A code that this version does not know, or whose arguments it cannot read, is `None`.
macro_rules! coded_conversions {
    (
        $kind:ident, $message:ident, $code:ident, $incoming:ident:
        $($variant:ident $(($($place:ident),+))? $({ $($field:ident),+ $(,)? })?),+ $(,)?
    ) => {
        impl From<$kind> for v1::$message {
            fn from(value: $kind) -> Self {
                let mut arguments = Vec::new();
                let code = match value {
                    $($kind::$variant $(($($place),+))? $({ $($field),+ })? => {
                        $($($place.put(&mut arguments);)+)?
                        $($($field.put(&mut arguments);)+)?
                        v1::$code::$variant
                    })+
                };
                Self { code: code.into(), arguments }
            }
        }

        #[doc = concat!("Reads a `", stringify!($message), "`.")]
        pub fn $incoming(message: v1::$message) -> Option<$kind> {
            let code = v1::$code::try_from(message.code).ok()?;
            let mut _from = super::arguments::limited(message.arguments);
            Some(match code {
                v1::$code::Unspecified => return None,
                $(v1::$code::$variant => {
                    $($(let $place = Argument::take(&mut _from)?;)+)?
                    $($(let $field = Argument::take(&mut _from)?;)+)?
                    $kind::$variant $(($($place),+))? $({ $($field),+ })?
                })+
            })
        }
    };
}
pub(super) use coded_conversions;

/// The same, and as an argument of other coded messages: the name of its code, and its arguments. As one of several, the number of its
/// texts is before them. `$words` makes a value of words that an earlier version has in the place of that number.
macro_rules! coded_message {
    (
        $([$words:path])?
        $kind:ident, $message:ident, $code:ident, $incoming:ident:
        $($variants:tt)+
    ) => {
        super::arguments::coded_conversions! { $kind, $message, $code, $incoming: $($variants)+ }

        impl Argument for $kind {
            fn put(self, to: &mut Vec<String>) {
                let message = v1::$message::from(self);
                to.push(message.code().as_str_name().to_owned());
                to.extend(message.arguments);
            }

            fn take(from: &mut dyn Iterator<Item = String>) -> Option<Self> {
                let code = v1::$code::from_str_name(&from.next()?)?;
                $incoming(v1::$message { code: code.into(), arguments: from.collect() })
            }

            fn put_item(self, to: &mut Vec<String>) {
                let mut texts = Vec::new();
                self.put(&mut texts);
                texts.len().put(to);
                to.extend(texts);
            }

            fn take_item(from: &mut dyn Iterator<Item = String>) -> Option<Self> {
                let first = from.next()?;
                let Ok(number) = first.parse() else { return None$(.or(Some($words(super::bounded(first)))))? };
                Self::take(&mut from.take(number))
            }
        }
    };
}
pub(super) use coded_message;

/// A coded message that is an argument wherever a phrase was in earlier versions: the number of its texts, the name of its code, and
/// its arguments. A phrase is `Other`, and a code that is not known here keeps its arguments.
macro_rules! coded_phrase {
    (
        $kind:ident, $message:ident, $code:ident, $incoming:ident:
        $($variants:tt)+
    ) => {
        super::arguments::coded_conversions! { $kind, $message, $code, $incoming: $($variants)+ }

        impl Argument for $kind {
            fn put(self, to: &mut Vec<String>) {
                let message = v1::$message::from(self);
                (message.arguments.len() + 1).put(to);
                to.push(message.code().as_str_name().to_owned());
                to.extend(message.arguments);
            }

            fn take(from: &mut dyn Iterator<Item = String>) -> Option<Self> {
                let first = from.next()?;
                let Ok(number) = first.parse() else { return Some(Self::other(super::bounded(first))) };
                let mut texts = from.take(number);
                let name = texts.next()?;
                let (code, arguments) = (v1::$code::from_str_name(&name), texts.collect::<Vec<_>>());
                let unknown = || Self::Unknown { number: 0, arguments: super::bounded(arguments.join(", ")) };
                let message = |code: v1::$code| v1::$message { code: code.into(), arguments: arguments.clone() };
                Some(code.map(message).and_then($incoming).unwrap_or_else(unknown))
            }

            fn take_item(from: &mut dyn Iterator<Item = String>) -> Option<Self> {
                Self::take(from)
            }
        }
    };
}
pub(super) use coded_phrase;
