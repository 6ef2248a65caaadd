//! Writes the OpenAPI document: `cargo run -p openapi > docs/openapi.json`.
#![expect(clippy::print_stdout, reason = "the document is the answer")]

fn main() -> Result<(), serde_json::Error> {
    print!("{}", openapi::document()?);
    Ok(())
}
