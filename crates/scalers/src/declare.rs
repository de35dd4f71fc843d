//! The two declarations that a file of the catalogue is made of: [`parameters!`] and [`choices!`].

use crate::given::Given;
use crate::parameter::Parameter;

/// A set of parameters that is read as a whole: a trigger's `Config`, or a block that several triggers share.
pub(crate) trait Parameters: Sized {
    /// What is known of each, in the order of the page.
    fn parameters() -> Vec<Parameter>;

    /// Reads all of them, noting every problem; `None` when one could not be had.
    fn read(given: &mut Given<'_>) -> Option<Self>;
}

/// Declares a struct of parameters.
///
/// ```text
/// parameters! {
///     /// What is asked, and where.
///     pub(super) struct Config {
///         /// The server's address, as `http://prometheus:9090`.
///         server_address: String = "serverAddress" from [Metadata];
///         /// Records that one replica is meant to have waiting.
///         lag_threshold: i64 = "lagThreshold" from [Metadata] { default("10"), min(1.0) };
///         /// Which credentials are sent.
///         auth: HttpAuthentication = block;
///     }
/// }
/// ```
///
/// Sources are tried in the order written (`Metadata`, `Env`, `Auth`). A field of type `Option<T>` may be absent. The
/// words in braces are the methods of [`Parameter`]. `block` puts in the parameters of another such struct.
macro_rules! parameters {
    (
        $(#[$outer:meta])*
        $visibility:vis struct $name:ident { $($body:tt)* }
    ) => {
        $crate::declare::parameters!(@fields [$(#[$outer])*] [$visibility] $name [] [] $($body)*);
    };
    (@fields $outer:tt $visibility:tt $name:ident [$($done:tt)*] [$($names:ident)*]
        $(#[doc = $doc:literal])* $field:ident : $type:ty = block ; $($rest:tt)*
    ) => {
        $crate::declare::parameters!(@fields $outer $visibility $name
            [$($done)* { [$($doc)*] $field [$type] block }] [$($names)* $field] $($rest)*);
    };
    (@fields $outer:tt $visibility:tt $name:ident [$($done:tt)*] [$($names:ident)*]
        $(#[doc = $doc:literal])* $field:ident : $type:ty = $parameter:literal from [$($source:ident),+]
        $({ $($word:ident ( $($argument:expr),* )),* $(,)? })? ; $($rest:tt)*
    ) => {
        $crate::declare::parameters!(@fields $outer $visibility $name
            [$($done)* { [$($doc)*] $field [$type] one {
                $crate::parameter::Parameter::new::<$type>(
                    $parameter, concat!($($doc, "\n"),*), &[$($crate::parameter::Source::$source),+])
                $($( .$word($($argument),*) )*)?
            } }] [$($names)* $field] $($rest)*);
    };
    (@fields [$($outer:tt)*] [$visibility:vis] $name:ident
        [$({ [$($doc:literal)*] $field:ident [$type:ty] $($how:tt)* })*] [$($names:ident)*]
    ) => {
        $($outer)*
        #[derive(Clone)]
        $visibility struct $name { $( $(#[doc = $doc])* pub(crate) $field: $type, )* }

        impl $crate::declare::Parameters for $name {
            fn parameters() -> Vec<$crate::parameter::Parameter> {
                let mut all = Vec::new();
                $( $crate::declare::parameters!(@describe all [$type] $($how)*); )*
                all
            }

            fn read(given: &mut $crate::given::Given<'_>) -> Option<Self> {
                $( let $field: Option<$type> = $crate::declare::parameters!(@read given [$type] $($how)*); )*
                Some($name { $( $field: $field?, )* })
            }
        }
    };
    (@describe $all:ident [$type:ty] block) => { $all.extend(<$type as $crate::declare::Parameters>::parameters()) };
    (@describe $all:ident [$type:ty] one { $parameter:expr }) => { $all.extend([$parameter]) };
    (@read $given:ident [$type:ty] block) => { <$type as $crate::declare::Parameters>::read($given) };
    (@read $given:ident [$type:ty] one { $parameter:expr }) => { $given.value::<$type>(&$parameter) };
}

/// Declares an enumeration of the texts that a parameter may have: `choices! { pub(super) enum Policy { Latest =
/// "latest", Earliest = "earliest" } }`. Case matters, as in KEDA. A parameter of this type refuses a list of values.
macro_rules! choices {
    (
        $(#[$outer:meta])*
        $visibility:vis enum $name:ident { $( $(#[$inner:meta])* $variant:ident = $text:literal ),+ $(,)? }
    ) => {
        $(#[$outer])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        $visibility enum $name { $( $(#[$inner])* $variant ),+ }

        impl $crate::value::Value for $name {
            const KIND: $crate::parameter::Kind = $crate::parameter::Kind::Text;
            const CHOICES: &'static [&'static str] = &[$($text),+];
            fn parse(text: &str) -> Result<Self, String> {
                match text {
                    $( $text => Ok($name::$variant), )+
                    _ => Err($crate::value::one_of(<Self as $crate::value::Value>::CHOICES)),
                }
            }
        }
    };
}

pub(crate) use {choices, parameters};
