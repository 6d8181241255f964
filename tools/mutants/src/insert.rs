//! Mutants as branches: `if crate::mutant::is(7) { a <= b } else { a < b }`.

use std::collections::BTreeSet;

use proc_macro2::{LineColumn, Span};
use syn::spanned::Spanned;
use syn::visit_mut::{self, VisitMut};
use syn::{Arm, Block, Expr, LitInt, Stmt, parse_quote};

use crate::list::{Kind, Mutant, Position};

/// The module of the switches: `src/mutant.rs` of the copy.
pub(crate) const SWITCH: &str = include_str!("switch.rs");

/// Adds the `wanted` mutants to a file. Returns the text and the numbers of the added mutants.
pub(crate) fn insert(
    text: &str,
    file: &str,
    mutants: &[Mutant],
    wanted: &BTreeSet<usize>,
) -> (String, BTreeSet<usize>) {
    let here = |id: &&usize| mutants[**id].file == file;
    let mut inserter = Inserter {
        mutants,
        here: wanted.iter().filter(here).copied().collect(),
        inserted: BTreeSet::new(),
    };
    let mut parsed = syn::parse_file(text).expect("the library parses");
    inserter.visit_file_mut(&mut parsed);
    (prettyplease::unparse(&parsed), inserter.inserted)
}

struct Inserter<'a> {
    mutants: &'a [Mutant],
    /// The wanted mutants of this file.
    here: Vec<usize>,
    inserted: BTreeSet<usize>,
}

impl Inserter<'_> {
    /// Returns the mutants of the code from `start` on, with their replacements.
    fn find(&mut self, kind: Kind, start: Position) -> Vec<(LitInt, String)> {
        self.take(|mutant| mutant.kind == kind && mutant.start == start)
    }

    fn take(&mut self, is_it: impl Fn(&Mutant) -> bool) -> Vec<(LitInt, String)> {
        let mut found = Vec::new();
        for &id in &self.here {
            let mutant = &self.mutants[id];
            if is_it(mutant) {
                self.inserted.insert(id);
                let id = LitInt::new(&id.to_string(), Span::call_site());
                found.push((id, mutant.replacement.clone()));
            }
        }
        found
    }

    /// Adds a mutant returning another value at once.
    fn body(&mut self, block: &mut Block) {
        let end = position(block.brace_token.span.close().end());
        let found = self.take(|mutant| {
            // Skip unparsable replacements, and functions returning `impl Trait`, whose values
            // have a single type.
            let can_return = || !mutant.name.contains("-> impl ");
            let parses = || syn::parse_str::<Expr>(&mutant.replacement).is_ok();
            mutant.kind == Kind::Body && mutant.function_end == end && can_return() && parses()
        });
        let early = found.into_iter().map(|(id, replacement)| -> Stmt {
            let value: Expr = syn::parse_str(&replacement).expect("the replacement parsed before");
            parse_quote!(if crate::mutant::is(#id) { return #value; })
        });
        block.stmts.splice(..0, early);
    }

    fn binary(&mut self, expr: &mut Expr, operator: Position) {
        if has_let(expr) {
            return;
        }
        let original = expr.clone();
        for (id, replacement) in self.find(Kind::BinaryOperator, operator) {
            let mut wrong = original.clone();
            if let Expr::Binary(wrong) = &mut wrong {
                wrong.op = syn::parse_str(&replacement).expect("the replacement is an operator");
            }
            *expr = parse_quote!((if crate::mutant::is(#id) { #wrong } else { #expr }));
        }
    }

    fn unary(&mut self, expr: &mut Expr, operator: Position) {
        let Expr::Unary(original) = expr.clone() else {
            return;
        };
        let without = original.expr;
        for (id, _) in self.find(Kind::UnaryOperator, operator) {
            *expr = parse_quote!((if crate::mutant::is(#id) { #without } else { #expr }));
        }
    }
}

/// Visits all functions but `const` functions, which cannot check the active mutant.
macro_rules! visit_functions {
    ($($visit:ident $function:ident $block:ident)+) => {$(
        fn $visit(&mut self, function: &mut syn::$function) {
            if function.sig.constness.is_none() {
                visit_mut::$visit(self, function);
                visit_functions!(self, $block, function);
            }
        }
    )+};
    ($self:ident, required, $function:ident) => { $self.body(&mut $function.block) };
    ($self:ident, provided, $function:ident) => {
        if let Some(block) = &mut $function.default { $self.body(block) }
    };
}

impl VisitMut for Inserter<'_> {
    visit_functions! {
        visit_item_fn_mut ItemFn required
        visit_impl_item_fn_mut ImplItemFn required
        visit_trait_item_fn_mut TraitItemFn provided
    }

    // Constants cannot check the active mutant.
    fn visit_item_const_mut(&mut self, _: &mut syn::ItemConst) {}
    fn visit_item_static_mut(&mut self, _: &mut syn::ItemStatic) {}
    fn visit_impl_item_const_mut(&mut self, _: &mut syn::ImplItemConst) {}

    fn visit_arm_mut(&mut self, arm: &mut Arm) {
        let start = start(arm.span());
        let guard = arm
            .guard
            .as_ref()
            .map(|(_, guard)| self::start(guard.span()));
        visit_mut::visit_arm_mut(self, arm);
        for (id, replacement) in guard.into_iter().flat_map(|at| self.find(Kind::Guard, at)) {
            let wrong: Expr =
                syn::parse_str(&replacement).expect("the replacement is true or false");
            let (token, right) = arm.guard.take().expect("the arm has a guard");
            let either = parse_quote!((if crate::mutant::is(#id) { #wrong } else { #right }));
            arm.guard = Some((token, either));
        }
        for (id, _) in self.find(Kind::Arm, start) {
            arm.guard = Some(match arm.guard.take() {
                Some((token, guard)) => (token, parse_quote!(!crate::mutant::is(#id) && (#guard))),
                None => (
                    syn::token::If::default(),
                    parse_quote!(!crate::mutant::is(#id)),
                ),
            });
        }
    }

    fn visit_expr_mut(&mut self, expr: &mut Expr) {
        let binary = if let Expr::Binary(binary) = &*expr {
            Some(start(binary.op.span()))
        } else {
            None
        };
        let unary = if let Expr::Unary(unary) = &*expr {
            Some(start(unary.op.span()))
        } else {
            None
        };
        visit_mut::visit_expr_mut(self, expr);
        if let Some(operator) = binary {
            self.binary(expr, operator);
        }
        if let Some(operator) = unary {
            self.unary(expr, operator);
        }
    }
}

/// Returns whether the expression is a part of a chain with a `let`, which stands in a condition alone.
fn has_let(expr: &Expr) -> bool {
    match expr {
        Expr::Let(_) => true,
        Expr::Binary(binary) => has_let(&binary.left) || has_let(&binary.right),
        _ => false,
    }
}

fn start(span: Span) -> Position {
    position(span.start())
}

fn position(of: LineColumn) -> Position {
    (of.line, of.column + 1)
}
