"""The engines of the inference comparison: each makes what it needs of a model folder, and turns padded ids into vectors.

An engine has `variants` (ways to do the same work; the fastest is taken), `prepare(model, work)`, which writes files,
and `Engine(model, work, variant, threads, streams)(ids, mask)`: normalised means [N, D] of int64 arrays [N, L].
`streams` batches are computed at once, by threads / streams threads each. Libraries are imported where they are used:
a process that starts one engine doesn't pay for another.
"""

import json
import os
import threading

import numpy as np

CALIBRATION = 256  # texts, for the static int8 of OpenVINO


def bert(model, attention="sdpa"):
    """The PyTorch module from ids and mask to normalised means."""
    import torch
    from transformers import BertModel

    class Sentence(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = BertModel.from_pretrained(model, attn_implementation=attention, add_pooling_layer=False)

        def forward(self, input_ids, attention_mask):
            types = torch.zeros_like(input_ids)
            x = self.encoder(input_ids, attention_mask=attention_mask, token_type_ids=types).last_hidden_state
            weights = attention_mask.unsqueeze(-1).to(x.dtype)
            return torch.nn.functional.normalize((x * weights).sum(1) / weights.sum(1), dim=1)

    return Sentence().eval()


class PyTorch:
    package, compute, variants = "torch", "float32", ["sdpa", "eager"]

    @staticmethod
    def prepare(model, work):
        bert(model)

    def __init__(self, model, work, variant, threads, streams):
        import torch

        self.torch, self.threads, self.module = torch, threads // streams, bert(model, variant)
        torch.set_flush_denormal(True)

    def __call__(self, ids, mask):
        if self.torch.get_num_threads() != self.threads:  # a setting of each calling thread
            self.torch.set_num_threads(self.threads)
        with self.torch.inference_mode():
            return self.module(self.torch.from_numpy(ids), self.torch.from_numpy(mask)).numpy()


def export(model, work):
    """The ONNX graph of the model, and the same with ONNX Runtime's fused attention, embedding, GELU and norm."""
    import torch
    from onnxruntime.transformers import optimizer

    if (work / "fused.onnx").exists():
        return
    inputs = (torch.ones(2, 16, dtype=torch.long), torch.ones(2, 16, dtype=torch.long))
    names = ["input_ids", "attention_mask"]
    axes = {name: {0: "texts", 1: "tokens"} for name in names} | {"vectors": {0: "texts"}}
    torch.onnx.export(
        bert(model, "eager"), inputs, work / "plain.onnx", input_names=names, output_names=["vectors"],
        dynamic_axes=axes, opset_version=17, dynamo=False,
    )  # fmt: skip
    config = json.loads((model / "config.json").read_text())
    heads, width = config["num_attention_heads"], config["hidden_size"]
    fused = optimizer.optimize_model(str(work / "plain.onnx"), "bert", num_heads=heads, hidden_size=width, opt_level=0)
    fused.save_model_to_file(str(work / "fused.onnx"))


class ONNXRuntime:
    package, compute, variants = "onnxruntime", "float32", ["fused", "plain"]
    prepare = staticmethod(export)

    def __init__(self, model, work, variant, threads, streams):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads // streams
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.add_session_config_entry("session.set_denormal_as_zero", "1")
        self.session = onnxruntime.InferenceSession(work / f"{variant}.onnx", options, ["CPUExecutionProvider"])

    def __call__(self, ids, mask):
        return self.session.run(None, {"input_ids": ids, "attention_mask": mask})[0]


class ONNXRuntimeInt8(ONNXRuntime):
    compute, variants = "int8", ["fused-int8", "plain-int8"]

    @staticmethod
    def prepare(model, work):
        import onnx
        from onnxruntime.quantization import QuantType, quantize_dynamic

        export(model, work)
        options = {"DefaultTensorType": onnx.TensorProto.FLOAT}  # of what comes out of the fused operators
        for name in ("fused", "plain"):
            source, target = work / f"{name}.onnx", work / f"{name}-int8.onnx"
            quantize_dynamic(source, target, per_channel=True, weight_type=QuantType.QInt8, extra_options=options)


class OpenVINO:
    package, compute, variants = "openvino", "float32", ["torch", "plain"]
    precision = {"INFERENCE_PRECISION_HINT": "f32"}

    @staticmethod
    def prepare(model, work):
        import openvino

        openvino.save_model(OpenVINO.traced(model), work / "torch.xml", compress_to_fp16=False)
        export(model, work)
        openvino.save_model(openvino.convert_model(work / "plain.onnx"), work / "plain.xml", compress_to_fp16=False)

    @staticmethod
    def traced(model):
        import openvino
        import torch

        inputs = {name: torch.ones(2, 16, dtype=torch.long) for name in ("input_ids", "attention_mask")}
        return openvino.convert_model(bert(model), example_input=inputs)

    def __init__(self, model, work, variant, threads, streams):
        import openvino

        settings = {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": streams} | self.precision
        self.model = openvino.Core().compile_model(work / f"{variant}.xml", "CPU", settings)
        self.requests = threading.local()

    def __call__(self, ids, mask):
        if not hasattr(self.requests, "own"):
            self.requests.own = self.model.create_infer_request()
        return self.requests.own.infer([ids, mask])[0].copy()


class OpenVINOInt8(OpenVINO):
    """Static: activations calibrated on some of the texts. Dynamic: int8 weights, activations in groups of 32 or more."""

    compute, variants = "int8", ["static-int8", "dynamic-int8"]
    precision = {"INFERENCE_PRECISION_HINT": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": 384}

    @staticmethod
    def prepare(model, work):
        import nncf
        import openvino

        from inference import Texts

        texts = Texts(model, work / "texts.txt", 1)
        rows = [np.array([row]) for row in texts.tokenize()[:CALIBRATION]]
        data = nncf.Dataset([(row, np.ones_like(row)) for row in rows])
        static = nncf.quantize(OpenVINO.traced(model), data, model_type=nncf.ModelType.TRANSFORMER, subset_size=len(rows))
        openvino.save_model(static, work / "static-int8.xml", compress_to_fp16=False)
        dynamic = nncf.compress_weights(OpenVINO.traced(model), mode=nncf.CompressWeightsMode.INT8_SYM)
        openvino.save_model(dynamic, work / "dynamic-int8.xml", compress_to_fp16=False)


class CTranslate2:
    package, compute, variants = "ctranslate2", "float32", ["float32"]

    @staticmethod
    def prepare(model, work):
        import ctranslate2

        if not (work / "ctranslate2").exists():
            ctranslate2.converters.TransformersConverter(str(model)).convert(str(work / "ctranslate2"))

    def __init__(self, model, work, variant, threads, streams):
        os.environ["CT2_VERBOSE"] = "-1"
        import ctranslate2

        options = {"inter_threads": streams, "intra_threads": threads // streams, "compute_type": variant}
        self.encoder = ctranslate2.Encoder(str(work / "ctranslate2"), device="cpu", **options)

    def __call__(self, ids, mask):
        rows = [row[:length].tolist() for row, length in zip(ids, mask.sum(1))]
        hidden = np.array(self.encoder.forward_batch(rows).last_hidden_state)
        means = (mask[:, None].astype(np.float32) @ hidden)[:, 0]
        return means / np.linalg.norm(means, axis=1, keepdims=True)


class CTranslate2Int8(CTranslate2):
    compute, variants = "int8", ["int8"]


ENGINES = {
    "PyTorch": PyTorch, "ONNX Runtime": ONNXRuntime, "OpenVINO": OpenVINO, "CTranslate2": CTranslate2,
    "ONNX Runtime int8": ONNXRuntimeInt8, "OpenVINO int8": OpenVINOInt8, "CTranslate2 int8": CTranslate2Int8,
}  # fmt: skip
