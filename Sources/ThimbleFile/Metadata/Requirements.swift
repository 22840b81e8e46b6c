internal import Tensors

/// The names in `requires`: what a reader must know to load a file.
enum Requirements {
    /// All names of format 1.0, sorted.
    static let known: [Name] = [
        "codec.zlib", "enc.affine", "enc.bitmask", "enc.gaps", "enc.palette", "enc.transposed", "filter.byteshuffle", "filter.rot1",
        "filter.unpackbits",
    ]

    /// What `tables` use, sorted, each once. Numbers that this version does not know have no name.
    static func names(of tables: PayloadTables) -> [Name] {
        var used = Set<Name>()
        for segment in tables.segments {
            if segment.codec == 1 { used.insert("codec.zlib") }
            switch segment.filter {
            case 1: used.insert("filter.byteshuffle")
            case 2: used.insert("filter.rot1")
            case 3: used.insert("filter.unpackbits")
            default: break
            }
        }
        for payload in tables.payloads {
            switch payload.encoding {
            case .affine: used.insert("enc.affine")
            case .palette: used.insert("enc.palette")
            case .bitmask: used.insert("enc.bitmask")
            case .gaps: used.insert("enc.gaps")
            case .transposed: used.insert("enc.transposed")
            case .plain, .stringList, .unknown: break
            }
        }
        return used.sorted()
    }

    static func unknown(_ names: [Name]) -> [Name] {
        names.filter { !known.contains($0) }
    }

    /// Sorted, each once, and nothing left out.
    static func check(_ names: [Name], against tables: PayloadTables) throws {
        for (a, b) in zip(names, names.dropFirst()) where !(a < b) {
            throw ModelError(.damagedFile, "`requires` must be sorted and without repetition: '\(b)' follows '\(a)'")
        }
        for name in self.names(of: tables) where !names.contains(name) {
            throw ModelError(.damagedFile, "uses '\(name)', which its list `requires` leaves out")
        }
    }

    static func checkKnown(_ names: [Name]) throws {
        let missing = unknown(names)
        guard missing.isEmpty else {
            let list = missing.prefix(8).map { "'\($0)'" }.joined(separator: ", ") + (missing.count > 8 ? ", …" : "")
            throw ModelError(.unsupported, "needs \(list), which Thimble \(ThimbleVersion.text) does not know; read it with a newer version")
        }
    }
}
