internal import Tensors

/// What people give in place of a model. Asked only after reading failed, or when there is no graph: it never refuses a model.
enum ForeignFormats {
    /// A sentence about the file, if it is something known.
    static func describe(_ bytes: WireBytes) -> String? {
        let head = bytes.array(0..<min(bytes.count, 512))
        return signature(head) ?? layout(head, bytes) ?? text(head) ?? message(bytes)
    }

    /// Formats that begin with bytes of their own.
    private static func signature(_ head: [UInt8]) -> String? {
        let known: [(magic: [UInt8], at: Int, sentence: String)] = [
            ([0x1f, 0x8b], 0, "is gzip data; unpack it first, for instance with gunzip"),
            ([0x50, 0x4b, 0x03, 0x04], 0, "is a zip archive (PyTorch's .pt files are such archives too); unpack it, or export the model to ONNX"),
            ([0x28, 0xb5, 0x2f, 0xfd], 0, "is zstd data; unpack it first, for instance with unzstd"),
            ([0xfd, 0x37, 0x7a, 0x58, 0x5a], 0, "is xz data; unpack it first, for instance with unxz"),
            (Array("BZh".utf8), 0, "is bzip2 data; unpack it first, for instance with bunzip2"),
            ([0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c], 0, "is a 7z archive; unpack it first"),
            (Array("ustar".utf8), 257, "is a tar archive; unpack it first"),
            ([0x89, 0x54, 0x48, 0x4d, 0x0d, 0x0a, 0x1a, 0x0a], 0, "is a .thimble file, not an ONNX model"),
            (Array("ORTM".utf8), 4, "is a model in ONNX Runtime's own ORT format; convert the ONNX file that it was made from"),
            (Array("TFL3".utf8), 4, "is a TensorFlow Lite model; convert it to ONNX first, for instance with tf2onnx"),
            (Array("GGUF".utf8), 0, "is a GGUF file (llama.cpp), not an ONNX model"),
            ([0x89, 0x48, 0x44, 0x46], 0, "is an HDF5 file (Keras), not an ONNX model"),
            ([0x93] + Array("NUMPY".utf8), 0, "is a NumPy array, not an ONNX model"),
            ([0x80, 0x02], 0, "is a Python pickle, not an ONNX model"),
            ([0x80, 0x04], 0, "is a Python pickle, not an ONNX model"),
            ([0x89, 0x50, 0x4e, 0x47], 0, "is a PNG image, not an ONNX model"),
            ([0xff, 0xd8, 0xff], 0, "is a JPEG image, not an ONNX model"),
            (Array("%PDF".utf8), 0, "is a PDF document, not an ONNX model"),
            ([0x7f] + Array("ELF".utf8), 0, "is a program or library, not an ONNX model"),
            ([0xef, 0xbb, 0xbf], 0, "begins with the byte order mark of a text file: an editor changed it; get the file again"),
        ]
        return known.first { head.dropFirst($0.at).starts(with: $0.magic) }?.sentence
    }

    /// Formats known by how they are laid out.
    private static func layout(_ head: [UInt8], _ bytes: WireBytes) -> String? {
        if head.allSatisfy({ $0 == 0 }) { return "begins with \(head.count) zero bytes: nothing was ever written there; get the file again" }
        // safetensors: the length of a JSON header, then the header.
        guard head.count > 9, head[8] == UInt8(ascii: "{") else { return nil }
        let length = head.prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
        return length <= UInt64(bytes.count - 8) ? "is a safetensors file: tensors without a graph, not an ONNX model" : nil
    }

    private static func text(_ head: [UInt8]) -> String? {
        let isText = head.allSatisfy { $0 >= 0x20 && $0 != 0x7f || $0 == 0x0a || $0 == 0x0d || $0 == 0x09 }
        guard isText, let all = Name(utf8: head)?.text ?? Name(utf8: Array(head.dropLast(3)))?.text else { return nil }
        let lowered = String(all.drop { $0.isWhitespace }).lowercased()
        if lowered.hasPrefix("version https://git-lfs") {
            return "is a Git LFS pointer that stands for the model; run git lfs pull to fetch the model itself"
        }
        if lowered.hasPrefix("<!doctype html") || lowered.hasPrefix("<html") {
            return "is an HTML page, most likely the answer to a failed download; get the file again"
        }
        if lowered.hasPrefix("<?xml") { return "is an XML document, not an ONNX model" }
        if lowered.hasPrefix("<"), lowered.contains("ir_version") {
            return "is a model in ONNX's text syntax; convert it to binary with Python's onnx.parser.parse_model"
        }
        if lowered.hasPrefix("{") || lowered.hasPrefix("[") { return "is JSON text; the binary form of ONNX is needed" }
        if lowered.contains("ir_version:") || lowered.contains("graph {") {
            return "is protobuf's text format; convert it to binary with Python's google.protobuf.text_format"
        }
        return "is text, not an ONNX model"
    }

    /// Other messages of ONNX, as its tests keep them in .pb files.
    private static func message(_ bytes: WireBytes) -> String? {
        var cursor = FieldCursor(bytes, .tensor, Body(0..<bytes.count))
        var hasType = false
        do {
            while let field = try cursor.next() {
                guard field.rule != nil else { return nil }
                if field.number == 2 { hasType = true }
            }
        } catch {
            return nil
        }
        return hasType ? "holds a single tensor (TensorProto), as test inputs do, not a model" : nil
    }
}
