package import Tensors

extension Model {
    /// The newest IR version whose fields this version knows.
    public static let newestIRVersion: Int64 = 14

    /// IR version and operator set imports (ONNX IR specification, "Versioning").
    func checkVersions(into findings: inout FindingList) {
        let isPnnx = isPnnxDialect
        if isPnnx {
            findings.warn(Place(), "no ir_version and no opset_import: this is the dialect that pnnx writes; its operators are carried as they are")
        } else {
            checkIRVersion(into: &findings)
        }
        Self.checkImports(opsetImports, at: Place(), into: &findings)
        guard opsetImports.isEmpty, !isPnnx, let version = irVersion else { return }
        if version >= 4 {
            findings.error(Place(), "no opset_import (IR \(version) needs one); the file may be cut off: fetch it again")
        } else if version == 3 {
            findings.warn(Place(), "no opset_import (IR 3 needs one); operators are taken as those of opset 1")
        }
    }

    private func checkIRVersion(into findings: inout FindingList) {
        guard let version = irVersion else {
            findings.error(Place(), "ir_version is missing: every ONNX model has one from 1 to \(Self.newestIRVersion); is this an ONNX model, and is it whole")
            return
        }
        if version < 1 {
            findings.error(Place(), "ir_version is \(version), it must be 1 to \(Self.newestIRVersion); export the model again")
        } else if version > Self.newestIRVersion {
            findings.error(
                Place(), "ir_version \(version) is newer than \(Self.newestIRVersion), the newest that this version knows; a newer Thimble may know it")
        } else if version < 3, !opsetImports.isEmpty {
            findings.warn(Place(), "ir_version \(version) has no opset_import (IR 3 brought it), but the file has one; it is used")
        }
    }

    /// pnnx writes ONNX's protobuf with PyTorch's operators and no versions at all.
    private var isPnnxDialect: Bool {
        guard irVersion ?? 0 == 0, opsetImports.isEmpty, graph.nodes.first?.opType == "pnnx.Input" else { return false }
        return graph.nodes.allSatisfy { $0.opType?.text.utf8.contains(UInt8(ascii: ".")) ?? false }
    }

    /// Versions below 1 and domains with two versions; the model's imports and those of its functions.
    static func checkImports(_ imports: [OpsetImport], at place: Place, into findings: inout FindingList) {
        var versions: [Name: Int64] = [:]
        for each in imports {
            let domain = Domain.canonical(each.domain), version = each.version ?? 0
            if version < 1 {
                findings.error(place, "opset_import of \(Domain.label(domain)) has version \(version), versions start at 1; export the model again")
            } else if let other = versions.updateValue(version, forKey: domain) {
                if other == version {
                    findings.warn(place, "opset_import names \(Domain.label(domain)) twice with version \(version); once is enough")
                } else {
                    findings.error(
                        place, "opset_import names \(Domain.label(domain)) with versions \(other) and \(version), there can be one; which operators are meant is unclear")
                }
            }
        }
    }
}

/// Names of operator domains.
package enum Domain {
    /// Nil, "" and "ai.onnx" are one domain; it is given as "".
    package static func canonical(_ domain: Name?) -> Name {
        guard let domain, domain != "ai.onnx" else { return "" }
        return domain
    }

    /// For messages: `'ai.onnx'` where the canonical name is empty.
    package static func label(_ domain: Name) -> String {
        "domain '\(domain.isEmpty ? "ai.onnx" : domain.description)'"
    }

    /// The versions that imports give, by canonical domain; the first of several.
    package static func versions(_ imports: [OpsetImport]) -> [Name: Int64] {
        Dictionary(imports.map { (canonical($0.domain), $0.version ?? 0) }) { first, _ in first }
    }
}
