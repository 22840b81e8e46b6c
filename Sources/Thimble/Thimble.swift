internal import ThimbleFile

/// The public face: convert, inspect, verify and compare model files.
///
///     let report = try Thimble.convert("model.onnx", to: "model.thimble", options: .init(zlib: true))
///     print(report.ratio)
///
/// Each function takes paths, does one job and returns a report as plain values; each report has a `json` property whose shape is
/// stable (`Schemas/json.md`) and a `text` for people. Errors are `ModelError`s that begin with the file. Nothing is printed, no
/// signal is touched, no environment is read.
public enum Thimble {
    /// The version of this software.
    public static var version: String { ThimbleVersion.text }
}
