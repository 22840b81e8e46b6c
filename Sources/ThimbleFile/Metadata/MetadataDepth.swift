internal import Tensors

/// How deep a walk through metadata is, from the root: tables, and graphs among them. The limits hold on a stack of 512 KiB.
struct MetadataDepth {
    var tables = 1
    var graphs = 0

    static let tooDeep = ModelError(
        .limit, "graphs, attributes and types nest deeper than \(MetadataLimit.tableDepth) tables, the limit of the format")

    /// One table further in.
    func table() throws -> MetadataDepth {
        guard tables < MetadataLimit.tableDepth else { throw Self.tooDeep }
        return MetadataDepth(tables: tables + 1, graphs: graphs)
    }

    /// One graph further in.
    func graph() throws -> MetadataDepth {
        guard graphs < MetadataLimit.graphDepth else {
            throw ModelError(.limit, "graphs nest deeper than \(MetadataLimit.graphDepth), the limit of the format")
        }
        var next = try table()
        next.graphs += 1
        return next
    }
}
