//! The check of bytes against an Avro type (Apache, *Avro specification*, *Binary Encoding*).

use super::{Avro, Shape, ShapeId};
use crate::schema::mismatch::Mismatch;

/// The deepest nesting of values, so that a message cannot overflow the stack. The JSON parser allows 128 levels.
const MAX_DEPTH: usize = 128;
/// The most values without bytes, so that a short message cannot keep the emulator busy.
const MAX_EMPTY_VALUES: usize = 1024 * 1024;
/// The most values that one byte may be part of, as in nested records.
const MAX_VALUES_PER_BYTE: usize = 16;

pub(super) fn check(avro: &Avro, data: &[u8]) -> Result<(), Mismatch> {
    let mut reader = Reader {
        avro,
        rest: data,
        values_left: MAX_EMPTY_VALUES + MAX_VALUES_PER_BYTE * data.len(),
    };
    reader.value(avro.root, 0)?;
    if reader.rest.is_empty() {
        return Ok(());
    }
    Err(Mismatch::new(format!(
        "{} bytes follow the end of the value",
        reader.rest.len()
    )))
}

struct Reader<'data> {
    avro: &'data Avro,
    rest: &'data [u8],
    values_left: usize,
}

impl<'data> Reader<'data> {
    fn value(&mut self, id: ShapeId, depth: usize) -> Result<(), Mismatch> {
        let Some(values_left) = self.values_left.checked_sub(1) else {
            return Err(Mismatch::new("too many values"));
        };
        self.values_left = values_left;
        if depth > MAX_DEPTH {
            return Err(Mismatch::new(format!(
                "values are nested more than {MAX_DEPTH} deep"
            )));
        }
        // Borrowed from the definition rather than from this reader.
        let avro = self.avro;
        match avro.shape(id) {
            Shape::Null => Ok(()),
            Shape::Boolean => self.boolean(),
            Shape::Int => self.int(),
            Shape::Long => self.long().map(drop),
            Shape::Float => self.take(4).map(drop),
            Shape::Double => self.take(8).map(drop),
            Shape::Bytes => self.bytes().map(drop),
            Shape::String => self.string(),
            Shape::Fixed(size) => self.take(*size).map(drop),
            Shape::Enum(symbols) => self.index(symbols, "symbols").map(drop),
            Shape::Array(items) => self.blocks(|reader| reader.value(*items, depth + 1)),
            Shape::Map(values) => self.blocks(|reader| {
                reader.string()?;
                reader.value(*values, depth + 1)
            }),
            Shape::Union(branches) => {
                let branch = self.index(branches, "types")?;
                self.value(branch.shape, depth + 1)
            }
            Shape::Record(fields) => {
                for field in fields {
                    self.value(field.shape, depth + 1)
                        .map_err(|mismatch| mismatch.inside(&field.name))?;
                }
                Ok(())
            }
        }
    }

    /// Reads blocks of items up to an empty block. A block starts with its length; after a negative length follows its size
    /// in bytes.
    fn blocks(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<(), Mismatch>,
    ) -> Result<(), Mismatch> {
        loop {
            let count = self.long()?;
            if count == 0 {
                return Ok(());
            }
            if count < 0 {
                self.long()?;
            }
            for _ in 0..count.unsigned_abs() {
                let before = self.rest.len();
                item(self)?;
                if self.rest.len() == before {
                    // The type alone determines if a value takes bytes, so the other items take none either.
                    break;
                }
            }
        }
    }

    fn boolean(&mut self) -> Result<(), Mismatch> {
        match self.take(1)? {
            [0 | 1] => Ok(()),
            other => Err(Mismatch::new(format!(
                "expected a boolean, found {other:?}"
            ))),
        }
    }

    fn int(&mut self) -> Result<(), Mismatch> {
        let number = self.long()?;
        match i32::try_from(number) {
            Ok(_) => Ok(()),
            Err(_) => Err(Mismatch::new(format!("{number} does not fit in 32 bits"))),
        }
    }

    /// Reads a zigzag-encoded variable-length integer: groups of seven bits, the lowest first, all but the last marked.
    fn long(&mut self) -> Result<i64, Mismatch> {
        let mut bits = 0_u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.take(1)? else { break };
            let group = u64::from(byte & 0x7f);
            if shift == 63 && group > 1 {
                break;
            }
            bits |= group << shift;
            if byte & 0x80 == 0 {
                let magnitude = (bits >> 1).cast_signed();
                return Ok(if bits & 1 == 0 { magnitude } else { !magnitude });
            }
        }
        Err(Mismatch::new("a number does not fit in 64 bits"))
    }

    fn string(&mut self) -> Result<(), Mismatch> {
        match std::str::from_utf8(self.bytes()?) {
            Ok(_) => Ok(()),
            Err(_) => Err(Mismatch::new("a string is not UTF-8")),
        }
    }

    fn bytes(&mut self) -> Result<&'data [u8], Mismatch> {
        let length = self.long()?;
        match usize::try_from(length) {
            Ok(length) => self.take(length),
            Err(_) => Err(Mismatch::new(format!("{length} is not a length"))),
        }
    }

    fn index<'choices, T>(
        &mut self,
        choices: &'choices [T],
        kind: &str,
    ) -> Result<&'choices T, Mismatch> {
        let index = self.long()?;
        let chosen = usize::try_from(index)
            .ok()
            .and_then(|index| choices.get(index));
        chosen.ok_or_else(|| {
            let count = choices.len();
            Mismatch::new(format!("{index} is not one of {count} {kind}"))
        })
    }

    fn take(&mut self, length: usize) -> Result<&'data [u8], Mismatch> {
        let Some((taken, rest)) = self.rest.split_at_checked(length) else {
            return Err(Mismatch::new("the message ends within a value"));
        };
        self.rest = rest;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(definition: &str, message: &[u8]) -> Option<String> {
        let avro = Avro::compile(definition).unwrap();
        let checked = avro.check_binary(message);
        checked.err().map(|mismatch| mismatch.to_string())
    }

    fn fits(definition: &str, message: &[u8]) {
        assert_eq!(
            reason(definition, message),
            None,
            "{definition} {message:?}"
        );
    }

    fn rejected(definition: &str, message: &[u8], expected: &str) {
        let reason = reason(definition, message);
        assert_eq!(
            reason.as_deref(),
            Some(expected),
            "{definition} {message:?}"
        );
    }

    const RECORD: &str = r#"{"type": "record", "name": "R", "fields": [
        {"name": "a", "type": "int"}, {"name": "b", "type": ["null", "string"]}]}"#;

    #[test]
    fn a_message_is_exactly_one_value() {
        fits(RECORD, &[2, 0]);
        fits(RECORD, &[2, 2, 2, b'x']);
        rejected(RECORD, &[2, 0, 0], "1 bytes follow the end of the value");
        rejected(RECORD, &[2], "b: the message ends within a value");
        rejected(RECORD, &[], "a: the message ends within a value");
        rejected(RECORD, &[2, 4], "b: 2 is not one of 2 types");
        rejected(RECORD, &[2, 1], "b: -1 is not one of 2 types");
        // The header of a container file.
        assert!(reason(RECORD, b"Obj\x01").is_some());
    }

    #[test]
    fn numbers_are_held_to_the_width_of_their_type() {
        fits(r#""int""#, &[0xff, 0xff, 0xff, 0xff, 0x0f]);
        rejected(
            r#""int""#,
            &[0x80, 0x80, 0x80, 0x80, 0x10],
            "2147483648 does not fit in 32 bits",
        );
        let mut long = [0xff; 10];
        long[9] = 0x01;
        fits(r#""long""#, &long);
        long[9] = 0x03;
        rejected(r#""long""#, &long, "a number does not fit in 64 bits");
        rejected(r#""long""#, &[0xff; 11], "a number does not fit in 64 bits");
        fits(r#""float""#, &[0; 4]);
        fits(r#""double""#, &[0; 8]);
        rejected(r#""double""#, &[0; 7], "the message ends within a value");
    }

    #[test]
    fn other_types_have_their_forms() {
        fits(r#""null""#, &[]);
        fits(r#""boolean""#, &[1]);
        rejected(r#""boolean""#, &[2], "expected a boolean, found [2]");
        fits(r#""string""#, &[4, 0xcf, 0x80]);
        rejected(r#""string""#, &[2, 0xff], "a string is not UTF-8");
        fits(r#""bytes""#, &[2, 0xff]);
        rejected(r#""bytes""#, &[1], "-1 is not a length");
        rejected(r#""bytes""#, &[4, 0], "the message ends within a value");
        fits(r#"{"type": "fixed", "name": "F", "size": 2}"#, &[0, 0]);
        let answer = r#"{"type": "enum", "name": "Answer", "symbols": ["YES"]}"#;
        fits(answer, &[0]);
        rejected(answer, &[2], "1 is not one of 1 symbols");
    }

    #[test]
    fn items_come_in_blocks() {
        let numbers = r#"{"type": "array", "items": "int"}"#;
        fits(numbers, &[0]);
        fits(numbers, &[2, 8, 4, 8, 8, 0]);
        // A negative count is followed by the size of the block.
        fits(numbers, &[3, 4, 8, 8, 0]);
        rejected(numbers, &[2, 8], "the message ends within a value");
        let map = r#"{"type": "map", "values": "int"}"#;
        fits(map, &[2, 2, b'k', 8, 0]);
        rejected(map, &[2, 2, 0xff, 8, 0], "a string is not UTF-8");
    }

    #[test]
    fn few_bytes_cannot_overflow_the_stack_or_take_for_ever() {
        let list =
            r#"{"type": "record", "name": "R", "fields": [{"name": "n", "type": ["null", "R"]}]}"#;
        let mut message = vec![2; 1_000_000];
        message.push(0);
        let reason = reason(list, &message).unwrap();
        assert!(reason.ends_with("are nested more than 128 deep"));
        let mut short = vec![2; 60];
        short.push(0);
        fits(list, &short);
        // The largest number of nulls that a long can count.
        let mut nulls = vec![0xfe];
        nulls.extend([0xff; 8]);
        nulls.extend([0x01, 0]);
        fits(r#"{"type": "array", "items": "null"}"#, &nulls);
        // 10¹² nulls in a message without bytes.
        let mut nested = r#""null""#.to_owned();
        for level in 0..12 {
            let first = format!(r#"{{"name": "f", "type": {nested}}}"#);
            let name = if level == 0 {
                "\"null\"".to_owned()
            } else {
                format!("\"R{}\"", level - 1)
            };
            let others: String = (1..10)
                .map(|field| format!(r#", {{"name": "f{field}", "type": {name}}}"#))
                .collect();
            nested =
                format!(r#"{{"type": "record", "name": "R{level}", "fields": [{first}{others}]}}"#);
        }
        let rejection = self::reason(&nested, &[]).unwrap();
        assert!(rejection.ends_with("too many values"), "{rejection}");
    }
}
