//! Vectors on the wire: little-endian 32-bit floats in base64, a third of the size of numbers as text.

use serde::{Deserialize, Deserializer, Serializer};

/// 32-bit floats.
pub type Vector = Vec<f32>;

#[derive(Deserialize)]
#[serde(untagged)]
enum Form {
    Base64(String),
    Numbers(Vec<f32>),
}

fn encoded(vector: &[f32]) -> String {
    let mut bytes = Vec::with_capacity(vector.len() * 4);
    for number in vector {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    base64::encode(bytes)
}

fn decoded<E: serde::de::Error>(form: Form) -> Result<Vector, E> {
    match form {
        Form::Numbers(numbers) => Ok(numbers),
        Form::Base64(text) => {
            let bytes = base64::decode(text).map_err(|error| E::custom(error.to_string()))?;
            if bytes.len() % 4 != 0 {
                return Err(E::custom("a vector's bytes are four for each number"));
            }
            Ok(bytes.chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]])).collect())
        }
    }
}

/// Of a field that may be missing.
pub(crate) mod optional {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(vector: &Option<Vector>, to: S) -> Result<S::Ok, S::Error> {
        match vector {
            Some(vector) => to.serialize_str(&encoded(vector)),
            None => to.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vector>, D::Error> {
        Option::<Form>::deserialize(from)?.map(decoded).transpose()
    }
}
