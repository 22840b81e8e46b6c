public import ModelGraph
internal import Tensors

extension ThimbleFile {
    /// Checks everything: structure, every checksum, every gap, that every value decodes, and that equal names have equal ids.
    /// Findings name tensors. Throws only if the file cannot be opened as one at all.
    public static func verify(_ path: String, options: ReadOptions = ReadOptions()) throws -> [Finding] {
        let opened: Opened
        do {
            opened = try at(path) { try open(MappedFile(path), options, checkingLayout: false) }
        } catch let error as ModelError where error.code == .damagedFile {
            return [Finding(.error, at: error.place, error.message)]
        }
        let place = [printable(path)]
        var findings = doubledNames(opened.strings).map { Finding(.error, at: place + ["metadata"], $0) }
        var users = opened.users
        users.spread(opened.contents.tables)
        findings += opened.payloads.verify(users: users.name).map { Finding(.error, at: place, $0) }
        try opened.contents.file.checkUnchanged()
        return findings
    }

    /// Equal ids and equal names are the same thing in this format; readers rely on it.
    private static func doubledNames(_ strings: [Name]) -> [String] {
        var seen = Set<Name>()
        var problems: [String] = []
        for (id, name) in strings.enumerated() where !seen.insert(name).inserted {
            problems.append("string \(id) is '\(name)', which has a lower id already; equal names need equal ids")
            // A small file can repeat one string a million times.
            if problems.count == FindingList.limit { break }
        }
        return problems
    }
}
