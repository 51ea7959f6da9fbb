//! Parses filters, with one function for each rule of the grammar.

use super::Expression;
use super::cursor::Cursor;
use crate::error::ApiError;

/// Parses `expression` and the end of the text. The caller bounds the length of the text, and so the depth of the
/// recursion.
pub(super) fn parse(text: &str) -> Result<Expression, ApiError> {
    let mut cursor = Cursor::new(text);
    let (expression, next) = expression(&mut cursor)?;
    if cursor.is_at_end() {
        return Ok(expression);
    }
    Err(cursor.expected(&next.or("the end")))
}

/// The tokens that may follow an expression, besides its end.
#[derive(Clone, Copy)]
enum Next {
    EitherWord,
    And,
    Or,
}

impl Next {
    fn or(self, end: &str) -> String {
        let reason = "(parentheses are needed where AND and OR meet)";
        match self {
            Self::EitherWord => format!("AND, OR or {end}"),
            Self::And => format!("AND or {end} {reason}"),
            Self::Or => format!("OR or {end} {reason}"),
        }
    }
}

/// Parses `term {AND term}` or `term {OR term}`. Mixing the two needs parentheses.
fn expression(cursor: &mut Cursor<'_>) -> Result<(Expression, Next), ApiError> {
    let first = term(cursor)?;
    if cursor.eat_word("AND") {
        let parts = joined(cursor, first, "AND")?;
        return Ok((Expression::All(parts), Next::And));
    }
    if cursor.eat_word("OR") {
        let parts = joined(cursor, first, "OR")?;
        return Ok((Expression::Any(parts), Next::Or));
    }
    Ok((first, Next::EitherWord))
}

/// Parses the terms after the first one, joined by `word`. The first `word` was already read.
fn joined(
    cursor: &mut Cursor<'_>,
    first: Expression,
    word: &str,
) -> Result<Vec<Expression>, ApiError> {
    let mut parts = vec![first, term(cursor)?];
    while cursor.eat_word(word) {
        parts.push(term(cursor)?);
    }
    Ok(parts)
}

///  -] simple`|Parses `[NOT | -] simple`.
fn term(cursor: &mut Cursor<'_>) -> Result<Expression, ApiError> {
    if cursor.eat("-") || cursor.eat_word("NOT") {
        let negated = simple(cursor, "attributes, hasPrefix or \"(\"")?;
        return Ok(not(negated));
    }
    simple(cursor, "attributes, hasPrefix, NOT, \"-\" or \"(\"")
}

/// Parses `( expression )`, `hasPrefix(attributes.KEY, "PREFIX")` or a comparison.
fn simple(cursor: &mut Cursor<'_>, expected: &str) -> Result<Expression, ApiError> {
    if cursor.eat("(") {
        let (inner, next) = expression(cursor)?;
        if cursor.eat(")") {
            return Ok(inner);
        }
        return Err(cursor.expected(&next.or("\")\"")));
    }
    if cursor.eat_word("hasPrefix") {
        return has_prefix(cursor);
    }
    if cursor.eat_word("attributes") {
        return comparison(cursor);
    }
    Err(cursor.expected(expected))
}

fn has_prefix(cursor: &mut Cursor<'_>) -> Result<Expression, ApiError> {
    cursor.require("(")?;
    if !cursor.eat_word("attributes") {
        return Err(cursor.expected("attributes"));
    }
    cursor.require(".")?;
    let key = cursor.key()?;
    cursor.require(",")?;
    let prefix = cursor.string()?;
    cursor.require(")")?;
    Ok(Expression::HasPrefix(key, prefix))
}

/// Parses `attributes:KEY`, `attributes.KEY = "VALUE"` or `attributes.KEY != "VALUE"`. The first word was already read.
fn comparison(cursor: &mut Cursor<'_>) -> Result<Expression, ApiError> {
    if cursor.eat(":") {
        return Ok(Expression::Has(cursor.key()?));
    }
    if !cursor.eat(".") {
        return Err(cursor.expected("\":\" or \".\""));
    }
    let key = cursor.key()?;
    if cursor.eat("!=") {
        let value = cursor.string()?;
        return Ok(not(Expression::Equals(key, value)));
    }
    if cursor.eat("=") {
        return Ok(Expression::Equals(key, cursor.string()?));
    }
    Err(cursor.expected("\"=\" or \"!=\""))
}

fn not(expression: Expression) -> Expression {
    Expression::Not(Box::new(expression))
}
