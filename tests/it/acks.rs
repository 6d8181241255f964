//! Acknowledgements: deliveries, combinators, and the operators over deliveries.

#[cfg(feature = "rt")]
mod causes;
mod combinators;
mod deliveries;
mod kept_events;
mod many_deliveries;
#[cfg(feature = "rt")]
mod operator_size_hints;
#[cfg(feature = "rt")]
mod operators;
