//! Acknowledgements: deliveries, combinators, and the operators over deliveries.

mod causes;
#[cfg(feature = "rt")]
mod combinators;
mod deliveries;
mod kept_events;
mod many_deliveries;
#[cfg(feature = "rt")]
mod operator_size_hints;
#[cfg(feature = "rt")]
mod operators;
