package import Tensors

extension Node {
    /// The node with the attributes that its function was called with in place of references; a reference to one that was not
    /// given and has no default is left out.
    package func resolvingReferences(_ given: [Name: Attribute]?) -> Node {
        guard let given, attributes.contains(where: { $0.referenceName != nil }) else { return self }
        var copy = self
        copy.attributes = attributes.compactMap { attribute in
            guard let reference = attribute.referenceName else { return attribute }
            return given[reference].map { Attribute(attribute.name, $0.value) }
        }
        return copy
    }
}
