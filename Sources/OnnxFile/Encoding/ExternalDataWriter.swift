internal import Tensors

/// The data file beside a model: one tensor after the other, each at a multiple of 4,096 bytes, so that it can be mapped.
final class ExternalDataWriter {
    struct Place {
        let location: Name
        let offset: Int
        let byteCount: Int
    }

    /// Smaller tensors stay in the model.
    static let threshold = 1024
    private static let alignment = 4096

    let output: OutputFile
    private let location: Name
    private let sink: FileSink
    /// By the tensor's number.
    private var places: [Place?] = []
    /// What was stored, by where it came from. Tensors of a small .thimble can share one value a million times.
    private var known: [Origin: Place] = [:]

    private struct Origin: Hashable {
        let file: ObjectIdentifier
        let offset: Int
        let byteCount: Int
    }

    init(_ path: String, replacing: Bool) throws {
        output = try OutputFile(path, replacing: replacing)
        location = Name(String(path.split(separator: "/").last ?? ""))
        sink = FileSink(output)
    }

    /// Appends `bytes` of tensor `number`, unless they are few. Numbers come in order.
    func store(_ bytes: TensorBytes, number: Int) throws -> Place? {
        precondition(number == places.count, "tensors are stored in order")
        var place: Place?
        if bytes.count >= Self.threshold {
            let origin = origin(of: bytes)
            if let stored = origin.flatMap({ known[$0] }) {
                places.append(stored)
                return stored
            }
            try output.pad(to: Self.alignment)
            place = Place(location: location, offset: output.position, byteCount: bytes.count)
            try sink.append(bytes)
            if let origin { known[origin] = place }
        }
        places.append(place)
        return place
    }

    /// The model holds the file, so that the identifier stays its own.
    private func origin(of bytes: TensorBytes) -> Origin? {
        guard case .mapped(let file, let offset) = bytes.place else { return nil }
        return Origin(file: ObjectIdentifier(file), offset: offset, byteCount: bytes.count)
    }

    func place(ofNumber number: Int) -> Place? {
        number < places.count ? places[number] : nil
    }
}
