internal import Execution
internal import ModelGraph
internal import OnnxFile
internal import Tensors

/// Input values of a run, gathered from files.
struct RunInputs {
    /// Inputs that need a value, in the model's order.
    let needed: [ValueInfo]
    let known: [Name: ValueInfo]
    var values: [Name: Value] = [:]

    init(_ session: Session) {
        needed = session.inputs
        known = Dictionary((session.inputs + session.optionalInputs).map { ($0.name ?? "", $0) }) { first, _ in first }
    }

    /// Takes what one `--inputs` names: an `.npz`, a folder of `input_0.pb`, `input_1.pb` … (or one with `test_data_set_0` in it),
    /// `NAME=FILE` with an `.npy` or `.pb`, or such a file alone where the model needs one input.
    mutating func add(_ source: String) throws {
        if Thimble.isFolder(source) {
            try inFile(source) { try addFolder(source) }
        } else if source.utf8.suffix(4).elementsEqual(".npz".utf8), FileIdentity(source) != nil || !source.utf8.contains(UInt8(ascii: "=")) {
            for (name, tensor) in try NumpyArchive.read(source) { try set(name, .tensor(tensor)) }
        } else if let split = source.utf8.firstIndex(of: UInt8(ascii: "=")), FileIdentity(source) == nil {
            let name = Name(String(source[..<split])), path = String(source[source.utf8.index(after: split)...])
            try set(name, readFile(path, as: known[name]))
        } else {
            guard needed.count == 1 else {
                throw ModelError(.badArgument, "'\(printable(source))' is for one of \(needed.count) inputs; say which: NAME=\(printable(source))")
            }
            try set(needed[0].name ?? "", readFile(source, as: needed[0]))
        }
    }

    private mutating func addFolder(_ folder: String) throws {
        let inner = folder + "/test_data_set_0"
        guard FileIdentity(folder + "/input_0.pb") != nil || FileIdentity(inner) == nil else { return try addFolder(inner) }
        var index = 0
        while FileIdentity("\(folder)/input_\(index).pb") != nil {
            guard index < needed.count else {
                throw ModelError(.badArgument, "holds input_\(index).pb, the model needs \(counted(needed.count, "input"))")
            }
            let path = "\(folder)/input_\(index).pb"
            let value = try readFile(path, as: needed[index])
            // Files say their input's name, or nothing.
            if case .tensor(let tensor) = value, let name = tensor.name, name != needed[index].name, let info = known[name] {
                try set(name, readFile(path, as: info))
            } else {
                try set(needed[index].name ?? "", value)
            }
            index += 1
        }
        guard index > 0 else { throw ModelError(.badArgument, "holds no input_0.pb") }
    }

    private func readFile(_ path: String, as info: ValueInfo?) throws -> Value {
        if path.utf8.suffix(3).elementsEqual(".pb".utf8) { return try OnnxFile.readValue(path, as: info?.type) }
        return try within(printable(path)) {
            let file = try inMapping { try MappedFile(path) }
            return .tensor(try NumpyArray.read(TensorBytes(file, 0..<file.count)))
        }
    }

    /// A mapping's errors begin with the path, which is said further out.
    private func inMapping(_ body: () throws -> MappedFile) throws -> MappedFile {
        do {
            return try body()
        } catch let error as ModelError {
            throw ModelError(error.code, error.message)
        }
    }

    private mutating func set(_ name: Name, _ value: Value) throws {
        guard values[name] == nil else { throw ModelError(.badArgument, "input '\(name)' is given twice") }
        values[name] = try value.narrowed(to: known[name]?.type)
    }

    /// Fills in what is missing with random values.
    mutating func addRandom(seed: UInt64, dims: [Name: Int]) throws {
        var random = RandomValues(seed: seed, dims: dims)
        for info in needed {
            let value = try within("input '\(info.name ?? "")'") { try random.value(info.type) }
            if values[info.name ?? ""] == nil { values[info.name ?? ""] = value }
        }
    }
}

extension Value {
    /// NumPy has no BFLOAT16: a float32 array stands for one where the model takes it.
    fileprivate func narrowed(to type: ValueType?) throws -> Value {
        guard case .tensor(let tensor) = self, tensor.elementType == .float, case .tensor(.bfloat16?, _)? = type?.kind else { return self }
        return .tensor(try tensor.asBFloat16())
    }
}
