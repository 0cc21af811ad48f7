//! The encoding of PHP values that the server keeps: null, bool, int, float, string and arrays of these.
//!
//! A value is a byte that names its form, and its content:
//!
//! | form | content |
//! |---|---|
//! | 0 null, 1 false, 2 true | none |
//! | 3 int | a number: `n << 1`, inverted if `n` is negative |
//! | 4 float | its 8 bytes, little-endian |
//! | 5 string | a number, its length; its bytes |
//! | 6 list, with the keys 0, 1, 2 and so on | a number, its length; its values |
//! | 7 array with other keys | a number, its length; each key, an int or a string, and its value |
//!
//! A number has 7 bits in each byte, the lowest first; the bytes but the last have the highest bit set. The decoder
//! trusts no byte: the values may come from another process.

/// The most arrays that may lie in one another.
pub(in crate::php) const DEEPEST: usize = 16;

/// A decoded value.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::php) enum Decoded<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    String(&'a [u8]),
    List(Vec<Self>),
    Array(Vec<(Key<'a>, Self)>),
}

/// A key of an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::php) enum Key<'a> {
    Int(i64),
    String(&'a [u8]),
}

/// Bytes that are no encoded value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::php) struct Malformed;

/// Writes one value, up to a bound.
#[derive(Debug)]
pub(in crate::php) struct Encoder {
    bytes: Vec<u8>,
    most: usize,
}

/// The value has at least `size` bytes, more than the bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::php) struct TooLong {
    pub(in crate::php) size: usize,
}

impl Encoder {
    pub(in crate::php) fn new(most: usize) -> Self {
        Self { bytes: Vec::new(), most }
    }

    pub(in crate::php) fn null(&mut self) -> Result<(), TooLong> {
        self.push(&[NULL])
    }

    pub(in crate::php) fn bool(&mut self, value: bool) -> Result<(), TooLong> {
        self.push(&[if value { TRUE } else { FALSE }])
    }

    pub(in crate::php) fn int(&mut self, value: i64) -> Result<(), TooLong> {
        self.push(&[INT])?;
        self.number(((value << 1) ^ (value >> 63)).cast_unsigned())
    }

    pub(in crate::php) fn float(&mut self, value: f64) -> Result<(), TooLong> {
        self.push(&[FLOAT])?;
        self.push(&value.to_bits().to_le_bytes())
    }

    pub(in crate::php) fn string(&mut self, value: &[u8]) -> Result<(), TooLong> {
        self.push(&[STRING])?;
        self.number(value.len() as u64)?;
        self.push(value)
    }

    /// Begins a list; its values follow.
    pub(in crate::php) fn list(&mut self, length: usize) -> Result<(), TooLong> {
        self.push(&[LIST])?;
        self.number(length as u64)
    }

    /// Begins an array; each key, an int or a string, and its value follow.
    pub(in crate::php) fn array(&mut self, length: usize) -> Result<(), TooLong> {
        self.push(&[ARRAY])?;
        self.number(length as u64)
    }

    /// An error if there is no room for so many bytes, or values of a byte or more.
    pub(in crate::php) fn check_room(&self, more: usize) -> Result<(), TooLong> {
        let size = self.bytes.len().saturating_add(more);
        if size > self.most { Err(TooLong { size }) } else { Ok(()) }
    }

    pub(in crate::php) fn finish(self) -> Vec<u8> {
        self.bytes
    }

    fn number(&mut self, mut value: u64) -> Result<(), TooLong> {
        while value > 0x7f {
            self.push(&[value as u8 | 0x80])?;
            value >>= 7;
        }
        self.push(&[value as u8])
    }

    fn push(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        self.check_room(bytes.len())?;
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }
}

/// True for the encoding of null.
pub(in crate::php) fn is_null(bytes: &[u8]) -> bool {
    *bytes == [NULL]
}

/// Reads one value, which is all of the bytes.
pub(in crate::php) fn decode(bytes: &[u8]) -> Result<Decoded<'_>, Malformed> {
    let mut decoder = Decoder(bytes);
    let value = decoder.value(0)?;
    if decoder.0.is_empty() { Ok(value) } else { Err(Malformed) }
}

struct Decoder<'a>(&'a [u8]);

impl<'a> Decoder<'a> {
    /// A value inside of `depth` arrays.
    fn value(&mut self, depth: usize) -> Result<Decoded<'a>, Malformed> {
        Ok(match self.byte()? {
            NULL => Decoded::Null,
            FALSE => Decoded::Bool(false),
            TRUE => Decoded::Bool(true),
            INT => Decoded::Int(self.int()?),
            FLOAT => {
                let (bits, rest) = self.0.split_first_chunk().ok_or(Malformed)?;
                self.0 = rest;
                Decoded::Float(f64::from_bits(u64::from_le_bytes(*bits)))
            }
            STRING => Decoded::String(self.string()?),
            form @ (LIST | ARRAY) => {
                if depth == DEEPEST {
                    return Err(Malformed);
                }
                let length = self.length()?;
                // A declared length is not believed until the values have come.
                let room = length.min(FEW);
                if form == LIST {
                    let mut list = Vec::with_capacity(room);
                    for _ in 0..length {
                        list.push(self.value(depth + 1)?);
                    }
                    return Ok(Decoded::List(list));
                }
                let mut array = Vec::with_capacity(room);
                for _ in 0..length {
                    array.push((self.key()?, self.value(depth + 1)?));
                }
                Decoded::Array(array)
            }
            _ => return Err(Malformed),
        })
    }

    fn key(&mut self) -> Result<Key<'a>, Malformed> {
        match self.byte()? {
            INT => Ok(Key::Int(self.int()?)),
            STRING => Ok(Key::String(self.string()?)),
            _ => Err(Malformed),
        }
    }

    fn int(&mut self) -> Result<i64, Malformed> {
        let number = self.number()?;
        Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    fn string(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.length()?;
        let (string, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(string)
    }

    /// A length of at most the bytes that are left, since every value has a byte at least.
    fn length(&mut self) -> Result<usize, Malformed> {
        let length = self.number()?;
        usize::try_from(length).ok().filter(|length| *length <= self.0.len()).ok_or(Malformed)
    }

    /// A number in its shortest form.
    fn number(&mut self) -> Result<u64, Malformed> {
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if (bits << shift) >> shift != bits || (byte == 0 && shift > 0) {
                return Err(Malformed);
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Malformed)
    }

    fn byte(&mut self) -> Result<u8, Malformed> {
        let (byte, rest) = self.0.split_first().ok_or(Malformed)?;
        self.0 = rest;
        Ok(*byte)
    }
}

const NULL: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
const INT: u8 = 3;
const FLOAT: u8 = 4;
const STRING: u8 = 5;
const LIST: u8 = 6;
const ARRAY: u8 = 7;
/// Values for which room is made before they have come.
const FEW: usize = 32;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn write(encoder: &mut Encoder, value: &Decoded<'_>) -> Result<(), TooLong> {
        match value {
            Decoded::Null => encoder.null(),
            Decoded::Bool(value) => encoder.bool(*value),
            Decoded::Int(value) => encoder.int(*value),
            Decoded::Float(value) => encoder.float(*value),
            Decoded::String(value) => encoder.string(value),
            Decoded::List(list) => {
                encoder.list(list.len())?;
                list.iter().try_for_each(|value| write(encoder, value))
            }
            Decoded::Array(array) => {
                encoder.array(array.len())?;
                array.iter().try_for_each(|(key, value)| {
                    match key {
                        Key::Int(key) => encoder.int(*key)?,
                        Key::String(key) => encoder.string(key)?,
                    }
                    write(encoder, value)
                })
            }
        }
    }

    fn encode(value: &Decoded<'_>) -> Vec<u8> {
        let mut encoder = Encoder::new(usize::MAX);
        write(&mut encoder, value).unwrap();
        encoder.finish()
    }

    /// A list in a list, and so on.
    fn nested(levels: usize) -> Vec<u8> {
        let mut bytes = [LIST, 1].repeat(levels);
        bytes.push(NULL);
        bytes
    }

    #[test]
    fn small_values_are_small() {
        assert_eq!(encode(&Decoded::Null), [NULL]);
        assert_eq!(encode(&Decoded::Bool(true)), [TRUE]);
        assert_eq!(encode(&Decoded::Int(-64)), [INT, 127]);
        assert_eq!(encode(&Decoded::String(b"ab")), [STRING, 2, b'a', b'b']);
        assert_eq!(encode(&Decoded::List(vec![Decoded::Int(1)])), [LIST, 1, INT, 2]);
        let array = Decoded::Array(vec![(Key::String(b"a"), Decoded::Int(1))]);
        assert_eq!(encode(&array), [ARRAY, 1, STRING, 1, b'a', INT, 2]);
    }

    #[test]
    fn ints_and_floats_come_back_bit_by_bit() {
        for int in [0, 1, -1, 63, 64, -64, -65, i64::MAX, i64::MIN] {
            assert_eq!(decode(&encode(&Decoded::Int(int))), Ok(Decoded::Int(int)));
        }
        let nan = f64::from_bits(0x7ff8_dead_beef_0001);
        for float in [0.0, -0.0, 0.1, f64::INFINITY, f64::MIN_POSITIVE, nan] {
            let bytes = encode(&Decoded::Float(float));
            let Ok(Decoded::Float(read)) = decode(&bytes) else { panic!("{float} is lost") };
            assert_eq!(read.to_bits(), float.to_bits());
        }
    }

    #[test]
    fn an_encoder_stops_at_its_bound_and_says_how_much_it_would_have_been() {
        let mut encoder = Encoder::new(5);
        encoder.string(b"abc").unwrap();
        assert_eq!(encoder.null(), Err(TooLong { size: 6 }));
        assert_eq!(Encoder::new(5).string(b"abcdefgh"), Err(TooLong { size: 10 }));
        assert_eq!(encoder.finish(), [STRING, 3, b'a', b'b', b'c']);
    }

    #[test]
    fn arrays_are_decoded_to_16_levels() {
        assert!(decode(&nested(DEEPEST)).is_ok());
        assert_eq!(decode(&nested(DEEPEST + 1)), Err(Malformed));
        assert_eq!(decode(&[LIST, 1].repeat(1_000_000)), Err(Malformed));
        assert_eq!(decode(&[ARRAY, 1, INT, 0].repeat(DEEPEST + 1)), Err(Malformed));
    }

    #[test]
    fn hostile_bytes_are_malformed() {
        let overlong = [&[INT][..], &[0x80; 9], &[2]].concat();
        let endless = [&[INT][..], &[0xff; 20]].concat();
        let cases: [&[u8]; 19] = [
            &[],
            &[8],
            &[0xff],
            &[NULL, NULL],
            &[INT],
            &[INT, 0x80],
            &[INT, 0x80, 0],
            &overlong,
            &endless,
            &[FLOAT, 1, 2, 3, 4, 5, 6, 7],
            &[STRING],
            &[STRING, 3, b'a', b'b'],
            &[STRING, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
            &[LIST, 2, NULL],
            &[LIST, 0xff, 0xff, 0xff, 0xff, 0x0f],
            &[ARRAY, 1, NULL, NULL],
            &[ARRAY, 1, LIST, 0, NULL],
            &[ARRAY, 1, INT, 2],
            &[ARRAY, 0xff, 0xff, 0xff, 0xff, 0x0f, INT, 2, NULL],
        ];
        for bytes in cases {
            assert_eq!(decode(bytes), Err(Malformed), "{bytes:?}");
        }
    }

    fn any_value() -> impl Strategy<Value = Decoded<'static>> {
        let string = || prop::collection::vec(any::<u8>(), 0..200).prop_map(|bytes| &*bytes.leak());
        let scalar = prop_oneof![
            Just(Decoded::Null),
            any::<bool>().prop_map(Decoded::Bool),
            any::<i64>().prop_map(Decoded::Int),
            prop::num::f64::NORMAL.prop_map(Decoded::Float),
            string().prop_map(Decoded::String),
        ];
        scalar.prop_recursive(4, 40, 6, move |inner| {
            let key = prop_oneof![any::<i64>().prop_map(Key::Int), string().prop_map(Key::String)];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Decoded::List),
                prop::collection::vec((key, inner), 0..6).prop_map(Decoded::Array),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_value_comes_back_as_it_was(value in any_value()) {
            let bytes = encode(&value);
            prop_assert_eq!(decode(&bytes), Ok(value));
        }

        #[test]
        fn a_value_that_is_cut_or_changed_never_panics(
            value in any_value(), cut in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), byte: u8
        ) {
            let mut bytes = encode(&value);
            prop_assert_eq!(decode(&bytes[..cut.index(bytes.len())]), Err(Malformed));
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let _ = decode(&bytes);
        }

        #[test]
        fn bytes_that_decode_are_those_that_encode(bytes in prop::collection::vec(0..9u8, 0..40)) {
            if let Ok(value) = decode(&bytes) {
                prop_assert_eq!(encode(&value), bytes);
            }
        }
    }
}
