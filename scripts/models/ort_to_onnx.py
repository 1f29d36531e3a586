"""Writes a model that ONNX Runtime keeps in its own format as plain ONNX, which every other runtime reads.

    ort_to_onnx.py LIBRARY OFFSET LENGTH OUT.onnx

The model is LENGTH bytes from OFFSET on in the file LIBRARY, a FlatBuffer of ONNX Runtime's schema
(onnxruntime/core/flatbuffers/schema/ort.fbs), whose reader comes with the package onnxruntime.
"""

import sys

import onnx
from onnx import TensorProto, helper
from onnxruntime.tools.ort_format_model.ort_flatbuffers_py.fbs.AttributeType import AttributeType
from onnxruntime.tools.ort_format_model.ort_flatbuffers_py.fbs.InferenceSession import InferenceSession
from onnxruntime.tools.ort_format_model.ort_flatbuffers_py.fbs.TensorTypeAndShape import TensorTypeAndShape

# DimensionValueType of the schema.
DIMENSION_IS_NUMBER = 1


def text(value):
    return value.decode() if isinstance(value, bytes) else (value or "")


def every(count, item):
    return [item(index) for index in range(count)]


def tensor(source):
    result = TensorProto()
    result.name = text(source.Name())
    result.data_type = source.DataType()
    result.dims.extend(every(source.DimsLength(), source.Dims))
    result.raw_data = source.RawDataAsNumpy().tobytes() if source.RawDataLength() else b""
    return result


def value_info(argument):
    described = argument.Type()
    table = described.Value()
    shaped = TensorTypeAndShape()
    shaped.Init(table.Bytes, table.Pos)
    dimensions = []
    for dimension in every(shaped.Shape().DimLength(), shaped.Shape().Dim):
        value = dimension.Value()
        is_number = value.DimType() == DIMENSION_IS_NUMBER
        dimensions.append(value.DimValue() if is_number else text(value.DimParam()))
    return helper.make_tensor_value_info(text(argument.Name()), shaped.ElemType(), dimensions)


def attribute(source):
    readers = {
        AttributeType.FLOAT: source.F,
        AttributeType.INT: source.I,
        AttributeType.STRING: source.S,
        AttributeType.TENSOR: lambda: tensor(source.T()),
        AttributeType.GRAPH: lambda: graph(source.G(), text(source.Name())),
        AttributeType.FLOATS: lambda: every(source.FloatsLength(), source.Floats),
        AttributeType.INTS: lambda: every(source.IntsLength(), source.Ints),
        AttributeType.STRINGS: lambda: every(source.StringsLength(), source.Strings),
    }
    return helper.make_attribute(text(source.Name()), readers[source.Type()]())


def node(source):
    inputs = [text(name) for name in every(source.InputsLength(), source.Inputs)]
    outputs = [text(name) for name in every(source.OutputsLength(), source.Outputs)]
    domain = text(source.Domain())
    result = helper.make_node(text(source.OpType()), inputs, outputs, name=text(source.Name()), domain=domain)
    result.attribute.extend(every(source.AttributesLength(), lambda index: attribute(source.Attributes(index))))
    return result


def in_order(nodes, known):
    """Each node after those whose outputs it needs, as ONNX wants them; what a branch takes from outside goes last."""
    ordered = []
    while nodes:
        ready = []
        waiting = []
        for candidate in nodes:
            if known.issuperset(candidate.input):
                ready.append(candidate)
                known.update(candidate.output)
            else:
                waiting.append(candidate)
        ordered += ready
        if not ready:
            return ordered + waiting
        nodes = waiting
    return ordered


def graph(source, name):
    initializers = [tensor(each) for each in every(source.InitializersLength(), source.Initializers)]
    constants = {initializer.name for initializer in initializers}
    arguments = {text(each.Name()): each for each in every(source.NodeArgsLength(), source.NodeArgs)}
    named = lambda names: [value_info(arguments[text(each)]) for each in names]
    inputs = named(each for each in every(source.InputsLength(), source.Inputs) if text(each) not in constants)
    outputs = named(every(source.OutputsLength(), source.Outputs))
    nodes = [node(each) for each in every(source.NodesLength(), source.Nodes)]
    known = constants | {each.name for each in inputs} | {""}
    return helper.make_graph(in_order(nodes, known), name, inputs, outputs, initializers)


def without_branches(whole):
    """A trace of the exporter leaves an If of which only the first branch is ever taken; tract wants none."""
    nodes = []
    for each in whole.node:
        if each.op_type != "If":
            nodes.append(each)
            continue
        (branch,) = (attribute.g for attribute in each.attribute if attribute.name == "then_branch")
        outer = {inner.name: name for inner, name in zip(branch.output, each.output)}
        for inner in branch.node:
            inner.output[:] = [outer.get(name, name) for name in inner.output]
            nodes.append(inner)
        whole.initializer.extend(branch.initializer)
    del whole.node[:]
    whole.node.extend(nodes)


def main():
    library, offset, length, target = sys.argv[1:]
    with open(library, "rb") as file:
        file.seek(int(offset))
        model = InferenceSession.GetRootAs(bytearray(file.read(int(length))), 0).Model()
    imports = every(model.OpsetImportLength(), model.OpsetImport)
    opsets = [helper.make_opsetid(text(each.Domain()), each.Version()) for each in imports]
    whole = graph(model.Graph(), "g")
    without_branches(whole)
    onnx.save(helper.make_model(whole, opset_imports=opsets, ir_version=model.IrVersion()), target)


if __name__ == "__main__":
    main()
