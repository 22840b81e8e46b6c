internal import ModelGraph
internal import Tensors

extension Comparison {
    /// Structure only; at most `limit` differences are kept.
    init(_ a: Model, _ b: Model, limit: Int) {
        self.init()
        var found = DifferenceList(limit: limit)
        found.field("ir_version", a.irVersion.map(String.init), b.irVersion.map(String.init))
        found.field("producer_name", a.producerName?.description, b.producerName?.description)
        found.field("producer_version", a.producerVersion?.description, b.producerVersion?.description)
        found.field("domain", a.domain?.description, b.domain?.description)
        found.field("model_version", a.modelVersion.map(String.init), b.modelVersion.map(String.init))
        found.text("doc_string", a.docString, b.docString)
        found.metadata(a.metadata, b.metadata, at: [])
        found.opsets(a.opsetImports, b.opsetImports, at: [])
        found.later(a.graph, b.graph, at: [])
        found.finishGraphs()
        found.functions(a.functions, b.functions)
        found.finishGraphs()
        found.counts("training_info", a.trainingInfo.count, b.trainingInfo.count, isEqual: zip(a.trainingInfo, b.trainingInfo).allSatisfy { $0 == $1 })
        found.counts("configuration", a.deviceConfigurations.count, b.deviceConfigurations.count, isEqual: a.deviceConfigurations == b.deviceConfigurations)
        found.counts("unknown fields", a.unknownFields.count, b.unknownFields.count, isEqual: a.unknownFields == b.unknownFields)
        differences = found.items
        isCutShort = found.isFull
    }
}

/// Collects differences of two models, field by field.
struct DifferenceList {
    let limit: Int
    private(set) var items: [Comparison.Difference] = []
    private(set) var isFull = false
    private var pending: [(before: Graph, after: Graph, place: [String])] = []

    init(limit: Int) { self.limit = limit }

    mutating func add(_ subject: String, _ name: String = "", at place: [String] = [], _ before: String?, _ after: String?) {
        guard items.count < limit else { isFull = true; return }
        items.append(.init(subject: subject, place: place, name: name, before: before, after: after))
    }

    /// Compares two graphs when `finishGraphs` is called: graphs lie within graphs, and a stack is small.
    mutating func later(_ before: Graph, _ after: Graph, at place: [String]) {
        pending.append((before, after, place))
    }

    mutating func finishGraphs() {
        while let (before, after, place) = pending.popLast() {
            let first = pending.count
            graphs(before, after, at: place)
            // In the order of the file.
            pending[first...].reverse()
        }
    }

    mutating func field(_ name: String, at place: [String] = [], _ before: String?, _ after: String?) {
        guard before != after else { return }
        add(name, at: place, before ?? "not set", after ?? "not set")
    }

    mutating func text(_ name: String, at place: [String] = [], _ before: Name?, _ after: Name?) {
        guard before != after else { return }
        func words(_ text: Name?) -> String { text.map { "\($0.byteCount) bytes" } ?? "not set" }
        add(name, at: place, words(before), words(after))
    }

    mutating func counts(_ name: String, at place: [String] = [], _ before: Int, _ after: Int, isEqual: Bool) {
        guard before != after || !isEqual else { return }
        add(name, at: place, "\(before)", before == after ? "\(after), other content" : "\(after)")
    }

    mutating func metadata(_ a: [KeyValue], _ b: [KeyValue], at place: [String]) {
        guard a != b else { return }
        matched(a, b, key: { $0.key ?? "" }, subject: "metadata_props", at: place, describe: { $0.value?.description ?? "not set" })
    }

    mutating func opsets(_ a: [OpsetImport], _ b: [OpsetImport], at place: [String]) {
        guard a != b else { return }
        matched(a, b, key: { $0.domain ?? "" }, subject: "opset", at: place, describe: { $0.version.map(String.init) ?? "not set" })
    }

    mutating func functions(_ a: [Function], _ b: [Function]) {
        let key = { (function: Function) in Name("\(function.domain?.text ?? ""):\(function.name?.text ?? ""):\(function.overload?.text ?? "")") }
        pairs(a, b, key: key) { list, name, before, after in
            guard let before, let after else {
                list.add("function", name.description, before.map { counted($0.nodes.count, "node") }, after.map { counted($0.nodes.count, "node") })
                return
            }
            guard before != after else { return }
            let place = ["function '\(name)'"]
            let count = list.items.count
            list.field("inputs", at: place, names(before.inputs), names(after.inputs))
            list.field("outputs", at: place, names(before.outputs), names(after.outputs))
            list.opsets(before.opsetImports, after.opsetImports, at: place)
            list.nodes(before.nodes, after.nodes, at: place)
            if list.items.count == count { list.add("function", name.description, "present", "other notes or order") }
        }
    }

    /// Where keys are the same on both sides in the same order, one by one; an entry without a partner is added or removed.
    private mutating func matched<T: Equatable>(
        _ a: [T], _ b: [T], key: (T) -> Name, subject: String, at place: [String], describe: (T) -> String
    ) {
        let count = items.count
        pairs(a, b, key: key) { list, name, before, after in
            if before != after { list.add(subject, name.description, at: place, before.map(describe), after.map(describe)) }
        }
        if items.count == count, a != b { add(subject, at: place, "\(a.count) in one order", "the same in another") }
    }

    /// Calls `body` for each key of `a` in order, with its partner in `b` if there is one, then for what only `b` has. The n-th of
    /// several with one key meets the n-th.
    mutating func pairs<T>(_ a: [T], _ b: [T], key: (T) -> Name, _ body: (inout DifferenceList, Name, T?, T?) -> Void) {
        var partners: [Name: [Int]] = [:]
        for index in b.indices.reversed() { partners[key(b[index]), default: []].append(index) }
        var used = [Bool](repeating: false, count: b.count)
        for item in a {
            let name = key(item)
            let partner = partners[name]?.popLast()
            if let partner { used[partner] = true }
            body(&self, name, item, partner.map { b[$0] })
        }
        for index in b.indices where !used[index] { body(&self, key(b[index]), nil, b[index]) }
    }
}

/// `a, b, c` of names; long lists shortened.
func names(_ list: [Name]) -> String {
    "(" + list.prefix(12).map(\.description).joined(separator: ", ") + (list.count > 12 ? ", … \(list.count) in all)" : ")")
}
